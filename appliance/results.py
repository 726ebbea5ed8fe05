"""The results of ended tasks as they are handed out: rendered from their files, small ones once for all who ask at a
time."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from appliance.trips import Trips
from schemas import json
from schemas.representations import JSON, MSGPACK, json_text, msgpack_bytes
from schemas.task import TaskState
from schemas.technologies import technologies
from tasks.files import FileStore
from tasks.record import TaskRecord, now_ms

# Below this a result is rendered at once and sent with its length; above, piece by piece.
WHOLE_BYTES = 1 << 18
# Up to here it is short, as that of a recording is; and so long after the end of its task it was just written.
_SHORT_BYTES, _FRESH_MS = 1 << 13, 10_000
# What is rendered or read at a time of larger ones.
_PIECE_BYTES = 1 << 19
# How long what was rendered is kept for the next who asks, and how many bytes of all. It is voices: not for long, and
# who may have it is asked of the task's record each time.
_KEPT_SECONDS, _KEPT_BYTES = 2.0, 16 << 20

# A task's attempt, what it has stored, and the form in which that is wanted.
_Rendered = tuple[str, int, bytes, str]


class Results:
    """What is in `files`, for an event loop."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._trips = Trips()
        # With what each was rendered from.
        self._kept: dict[_Rendered, tuple[object, bytes]] = {}
        self._kept_bytes = 0

    async def whole(self, record: TaskRecord, form: str) -> bytes:
        """The answer with a result that is small. Raises ResultGone and ResultDamaged."""
        wanted = (record.task_id, record.attempt, record.result_sha256, form)
        kept = self._kept.get(wanted)
        if kept is not None and kept[0] == self._files.result_mark(record.task_id, record.attempt):
            return kept[1]
        work = partial(self._whole, record, form)
        mark, body = work() if _is_quick(record, form) else await self._trips.made(work)
        self._keep(wanted, mark, body)
        return body

    async def opened(self, record: TaskRecord) -> BinaryIO:
        """The file of one that may be large. Raises ResultGone and ResultDamaged."""
        return await asyncio.to_thread(self._open, record)

    def _keep(self, wanted: _Rendered, mark: object, body: bytes) -> None:
        if wanted not in self._kept and self._kept_bytes + len(body) <= _KEPT_BYTES:
            self._kept[wanted] = mark, body
            self._kept_bytes += len(body)
            asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._drop, wanted)

    def _drop(self, wanted: _Rendered) -> None:
        _, body = self._kept.pop(wanted)
        self._kept_bytes -= len(body)

    def _open(self, record: TaskRecord) -> BinaryIO:
        return self._files.open_result(record.task_id, record.attempt, record.result_bytes, record.result_sha256)

    def _whole(self, record: TaskRecord, form: str) -> tuple[object, bytes]:
        mark = self._files.result_mark(record.task_id, record.attempt)
        with self._open(record) as stored:
            return mark, b"".join(rendered(record, stored, form))


def _is_quick(record: TaskRecord, form: str) -> bool:
    """Whether the way to a thread and back would take longer than to read and render the result, which is still in
    memory."""
    fresh = now_ms() - record.ended_ms < _FRESH_MS
    return fresh and record.result_bytes <= _SHORT_BYTES and form == JSON


def rendered(record: TaskRecord, stored: BinaryIO, form: str) -> Iterator[bytes]:
    """The poll body in pieces. A terminal task has a result or an error, and either may be the stored file."""
    technology = technologies()[record.technology]
    if record.state is not TaskState.DONE:
        yield json.encode(record.view().body())[:-1] + b',"error":'
        while piece := stored.read(_PIECE_BYTES):
            yield piece
        yield b"}"
    elif form in technology.forms:
        yield from technology.forms[form](stored)
    else:
        write = msgpack_bytes.pieces if form == MSGPACK else json_text.pieces
        yield from write(record.view().body() | {"result": technology.show(stored)})


def gathered(pieces: Iterator[bytes]) -> bytes:
    """The next of them, some hundreds of kilobytes; nothing when there are no more."""
    found: list[bytes] = []
    size = 0
    while size < _PIECE_BYTES and (piece := next(pieces, b"")):
        found.append(piece)
        size += len(piece)
    return b"".join(found)
