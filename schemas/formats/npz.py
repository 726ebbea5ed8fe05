"""NumPy's .npz: arrays by name, each as in a .npy; the name is the key of its rows."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from schemas.errors import VoiceprintError, VoiceprintMalformed
from schemas.formats import Asked, Fault, Rows, Vectors, npy

NAME, TITLE = "npz", "a .npz file"

_MAGIC = b"PK\x03\x04"
# LZMA asks for as much memory as the file says.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    struct.error,
    OSError,
)


def recognises(head: bytes) -> bool:
    if not head.startswith(_MAGIC) or len(head) < 30:
        return False
    (size,) = struct.unpack_from("<H", head, 26)
    return head[30 : 30 + size].endswith(b".npy")


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    del asked
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise VoiceprintMalformed(f"the archive is damaged: {error}") from error
    row = 0
    with archive:
        for member in archive.infolist():
            key = member.filename.removesuffix(".npy")
            try:
                if member.compress_type not in _COMPRESSIONS:
                    raise VoiceprintMalformed("the array is compressed in a way that NumPy does not write")
                with archive.open(member) as opened:
                    for block in npy.blocks(cast("BinaryIO", opened)):
                        yield Vectors(row, block, [key] * len(block))
                        row += len(block)
            except VoiceprintError as error:
                yield Fault(row, error, key)
                row += 1
            except _DAMAGED as error:
                yield Fault(row, VoiceprintMalformed(f"the array is damaged in the archive: {error}"), key)
                row += 1
