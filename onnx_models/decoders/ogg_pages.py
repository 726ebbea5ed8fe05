"""Whether an Ogg file is a chain: one recording after another, of which libsndfile decodes the first alone.

Pages are laid out as in RFC 3533, section 6.
"""

import os
from typing import BinaryIO

_MAGIC = b"OggS"
_HEADER_BYTES = 27
_FIRST_PAGE_OF_A_STREAM = 0x02
_BLOCK_BYTES = 65_536


def chained(file: BinaryIO) -> bool:
    """Whether a stream begins after the sound of another began. Moves the position of `file`."""
    file_bytes = file.seek(0, os.SEEK_END)
    offset, sound_began = 0, False
    while offset < file_bytes:
        file.seek(offset)
        page = file.read(_HEADER_BYTES + 255)
        if len(page) < _HEADER_BYTES:
            return False
        if not page.startswith(_MAGIC):
            offset = _next_page(file, offset, file_bytes)
            continue
        first = bool(page[5] & _FIRST_PAGE_OF_A_STREAM)
        # Streams that run side by side all begin before any of them goes on.
        if first and sound_began:
            return True
        sound_began = sound_began or not first
        segments = page[26]
        offset += _HEADER_BYTES + segments + sum(page[_HEADER_BYTES : _HEADER_BYTES + segments])
    return False


def _next_page(file: BinaryIO, offset: int, file_bytes: int) -> int:
    while offset < file_bytes:
        file.seek(offset)
        found = file.read(_BLOCK_BYTES).find(_MAGIC)
        if found >= 0:
            return offset + found
        # A magic may lie across two blocks.
        offset += _BLOCK_BYTES - len(_MAGIC) + 1
    return file_bytes
