"""How many channels a recording has, where its first bytes say so plainly: nothing is decoded here."""

import struct

# Enough for the chunks that writers put before the format.
HEAD_BYTES = 4096
_STREAMINFO_BYTES = 42


def channels(head: bytes) -> int | None:
    """Of the WAV or FLAC recording that begins with `head`; None for another kind, or when it is not found."""
    if head[:4] == b"fLaC" and len(head) >= _STREAMINFO_BYTES:
        return ((head[20] >> 1) & 7) + 1
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        at = 12
        while at + 12 <= len(head):
            name, length = struct.unpack_from("<4sI", head, at)
            if name == b"fmt ":
                return int(struct.unpack_from("<H", head, at + 10)[0])
            at += 8 + length + length % 2
    return None
