"""Where the sound of an MP3 or FLAC file ends, before what taggers and copiers put behind it."""

import os
from typing import BinaryIO

_BLOCK_BYTES = 65_536
_ID3V1_BYTES = 128
_APE_FOOTER_BYTES = 32
# A few of each may follow one another; a file of nothing but tags is no reason to go on.
_MOST_TAGS = 8


def sound_end(file: BinaryIO) -> int:
    """The offset in bytes at which trailing ID3v1 and APEv2 tags and zeros begin. Moves the position of `file`."""
    end = file.seek(0, os.SEEK_END)
    for _ in range(_MOST_TAGS):
        before = end
        end -= _tag_bytes(file, end)
        if end == before:
            break
    return _without_zeros(file, end)


def _tag_bytes(file: BinaryIO, end: int) -> int:
    if end >= _ID3V1_BYTES:
        file.seek(end - _ID3V1_BYTES)
        if file.read(3) == b"TAG":
            return _ID3V1_BYTES
    if end >= _APE_FOOTER_BYTES:
        file.seek(end - _APE_FOOTER_BYTES)
        footer = file.read(_APE_FOOTER_BYTES)
        if footer.startswith(b"APETAGEX"):
            # The length counts the footer, and not the header that bit 31 of the flags announces.
            length = int.from_bytes(footer[12:16], "little") + (_APE_FOOTER_BYTES if footer[23] & 0x80 else 0)
            return length if _APE_FOOTER_BYTES <= length <= end else 0
    return 0


def _without_zeros(file: BinaryIO, end: int) -> int:
    while end:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        rest = file.read(end - start).rstrip(b"\0")
        if rest:
            return start + len(rest)
        end = start
    return 0
