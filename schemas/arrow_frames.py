"""The messages of an Arrow IPC stream, looked through before anything reads them: what a few bytes could make large in
memory is refused.

A reader takes a record batch whole, unpacks what is compressed, and writes out what a dictionary or a view names many
times. Fields are named by their numbers in Arrow's `Message.fbs`.
"""

import os
import struct
from typing import BinaryIO

from flatbuffers import Table

from schemas.bounded import MOST_HELD, exactly
from schemas.errors import VoiceprintMalformed, VoiceprintTruncated

CONTINUES = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct("<i")
# Of a schema, or of where the buffers of a batch are.
_MOST_METADATA = 1 << 20
_SCHEMA, _DICTIONARY, _RECORD_BATCH = 1, 2, 3
_KIND, _HEADER, _BODY_LENGTH = 1, 2, 3
_ROWS, _COMPRESSION, _VIEWS = 0, 3, 4
_FAULTS = (struct.error, IndexError, TypeError, ValueError, OverflowError)


def look_through(file: BinaryIO) -> None:
    """All messages of the stream in `file`, which is at its beginning again.

    Raises VoiceprintTruncated for one without its end, VoiceprintMalformed for one that is not read here, whose message
    says what to do.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    expected = {_SCHEMA}
    while metadata := _metadata(file):
        try:
            size = _looked_at(metadata, expected)
        except _FAULTS as error:
            raise VoiceprintMalformed("a message of the Arrow stream is damaged") from error
        expected = {_RECORD_BATCH}
        if file.seek(size, os.SEEK_CUR) > end:
            raise VoiceprintTruncated("the Arrow stream ends within a record batch")
    if expected == {_SCHEMA}:
        raise VoiceprintTruncated("the Arrow stream ends before its schema")
    if file.tell() != end:
        raise VoiceprintMalformed(f"{end - file.tell():,} bytes follow the end of the Arrow stream")
    file.seek(0)


def _metadata(file: BinaryIO) -> bytes:
    """That of the next message; nothing at the end."""
    if exactly(file, len(CONTINUES)) != CONTINUES:
        raise VoiceprintMalformed("this is no Arrow stream, or of a version before 0.15")
    (size,) = _LENGTH.unpack(exactly(file, _LENGTH.size))
    if not 0 <= size <= _MOST_METADATA:
        raise VoiceprintMalformed(f"a message of the Arrow stream has {size:,} bytes beside its data")
    return exactly(file, size)


def _looked_at(metadata: bytes, expected: set[int]) -> int:
    """How many bytes of data follow the message. Raises VoiceprintMalformed, and any of _FAULTS."""
    message = Table(metadata, struct.unpack_from("<I", metadata)[0])
    kind, size = _number(message, _KIND, "<B"), _number(message, _BODY_LENGTH, "<q")
    if kind == _DICTIONARY:
        raise VoiceprintMalformed("dictionaries are not read here: send voiceprints or vectors as plain columns")
    if kind not in expected:
        raise VoiceprintMalformed("the messages of the Arrow stream are not a schema and then record batches")
    if not 0 <= size <= MOST_HELD:
        raise VoiceprintMalformed(
            f"a record batch of {size:,} bytes; at most {MOST_HELD:,} are read: write smaller ones, with pyarrow "
            "write_table(table, max_chunksize=10_000)"
        )
    if kind == _RECORD_BATCH:
        batch = Table(metadata, message.Indirect(message.Pos + message.Offset(4 + 2 * _HEADER)))
        if batch.Offset(4 + 2 * _COMPRESSION):
            raise VoiceprintMalformed("compressed record batches are not read here: write the stream as it is")
        if batch.Offset(4 + 2 * _VIEWS):
            raise VoiceprintMalformed("views are not read here: write plain columns of text, bytes or lists")
        if not 0 <= _number(batch, _ROWS, "<q") <= size:
            raise VoiceprintMalformed("a record batch has more rows than bytes")
    return size


def _number(table: Table, field: int, kind: str) -> int:
    place = table.Offset(4 + 2 * field)
    found: int = struct.unpack_from(kind, table.Bytes, table.Pos + place)[0] if place else 0
    return found
