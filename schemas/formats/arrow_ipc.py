"""Arrow's own files, Feather of version 2 among them, and its streams: a column of vectors, or one of voiceprints."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from schemas import arrow
from schemas.errors import VoiceprintError, VoiceprintMalformed
from schemas.formats import Asked, Rows

NAME, TITLE = "arrow", "Arrow or Feather"
SUFFIX = ".arrow"

_FILE, _STREAM = b"ARROW1", b"\xff\xff\xff\xff"


def recognises(head: bytes) -> bool:
    # A stream begins with the length of its schema, which is short.
    return head.startswith(_FILE) or (head.startswith(_STREAM) and head[6:8] == b"\0\0")


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    ipc = arrow.pyarrow("pyarrow.ipc")
    try:
        is_file = file.read(len(_FILE)) == _FILE
        file.seek(0)
        opened = ipc.open_file(file) if is_file else ipc.open_stream(file)
        columns = arrow.columns(opened.schema, asked)
        row = 0
        numbers = range(opened.num_record_batches) if is_file else None
        for batch in opened if numbers is None else map(opened.get_batch, numbers):
            taken = batch.select(columns.names)
            _check(taken)
            for part in _parts(taken):
                yield columns.rows(part, row)
                row += len(part)
    except VoiceprintError:
        raise
    except arrow.damaged() as error:
        raise VoiceprintMalformed(f"the Arrow file is damaged: {error}") from error


def _parts(batch: Any) -> Iterator[Any]:
    at_once = arrow.rows_at_once(batch.nbytes, len(batch))
    for start in range(0, len(batch), at_once):
        yield batch.slice(start, at_once)


def _check(batch: Any) -> None:
    """Raises ArrowInvalid for offsets beyond the buffers, which nothing has looked at before."""
    for column in batch.columns:
        # Whether a voiceprint is text in UTF-8 does not matter.
        arrow.untexted(column).validate(full=True)


def write(file: BinaryIO, schema: Any, batches: Iterable[Any]) -> None:
    """An Arrow file; what is repeated stands in dictionaries that grow from batch to batch."""
    ipc = arrow.pyarrow("pyarrow.ipc")
    options = ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with ipc.new_file(file, schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
