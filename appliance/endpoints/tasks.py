"""`/api/technology/<name>/<task id>`: GET is the poll, with the result rendered from its file, DELETE takes it back."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import BinaryIO, cast

from aiohttp import web

from appliance import audited
from appliance.context import AUDIT, ENDINGS, FILES, SETTINGS, STORE, VISITOR
from appliance.port.connection import Connection
from schemas import json
from schemas.errors import Internal, NotFound
from schemas.task import TaskState
from schemas.technologies import Technology, technologies
from schemas.waiting import waiting_seconds
from tasks.erasing import erase, may_see
from tasks.files import ResultDamaged, ResultGone
from tasks.record import RecordDamaged, TaskRecord

# Below this a result is rendered at once and sent with its length; above, piece by piece.
_WHOLE_BYTES = 1 << 18


_PATH = "/api/technology/{technology}/{task_id}"


def routes() -> list[web.RouteDef]:
    return [web.get(_PATH, poll), web.delete(_PATH, take_back)]


async def poll(request: web.Request) -> web.StreamResponse:
    """The task as it is, or with `wait` as it is at its end or after so many seconds."""
    seconds = waiting_seconds(request.query.getall("wait", []))
    task_id = _task_id(request)
    try:
        record = _of_path(request, await request.app[STORE].read(task_id, retention=request.app[SETTINGS].retention))
        if seconds and not record.state.terminal:
            with cast("Connection", request.protocol).while_connected():
                record = _of_path(request, await _waited(request, task_id, seconds))
            request[VISITOR].require_still()
    except RecordDamaged as error:
        raise Internal(error.message) from error
    if not record.result_bytes:
        return web.Response(body=json.encode(record.view().body()), content_type="application/json")
    try:
        stored = await asyncio.to_thread(
            request.app[FILES].open_result, task_id, record.attempt, record.result_bytes, record.result_sha256
        )
    except ResultGone as error:
        raise _unknown() from error
    except ResultDamaged as error:
        raise Internal(f"task {task_id}: {error.message}") from error
    with stored:
        if record.state is TaskState.DONE:
            await request.app[AUDIT].agreed(audited.read(request[VISITOR], record))
        return await _send(request, record, _rendered(record, technologies()[record.technology], stored))


async def _waited(request: web.Request, task_id: str, seconds: float) -> TaskRecord | None:
    try:
        return await request.app[ENDINGS].wait(task_id, seconds)
    except RecordDamaged:
        return await request.app[STORE].read(task_id, retention=request.app[SETTINGS].retention)


async def take_back(request: web.Request) -> web.Response:
    """Cancels the task and erases its result and media, whatever its state."""
    app, visitor = request.app, request[VISITOR]
    task_id, technology = _task_id(request), request.match_info["technology"]
    if not await erase(app[STORE], app[FILES], task_id, technology, visitor.scope):
        raise _unknown()
    # Whoever is told that nothing is left can prove it: this is on the disk before the answer.
    await app[AUDIT].noted(audited.erased(visitor, task_id, technology, asked=True), durable=True)
    return web.Response(status=204)


def _task_id(request: web.Request) -> str:
    """A UUID may be written in several ways; the store knows one."""
    try:
        return str(uuid.UUID(request.match_info["task_id"]))
    except ValueError as error:
        raise _unknown() from error


def _of_path(request: web.Request, record: TaskRecord | None) -> TaskRecord:
    """The record, where whoever asks owns it: what others own is unknown, and answered like all that is."""
    if record is None or not may_see(record, request.match_info["technology"], request[VISITOR].scope):
        raise _unknown()
    return record


def _unknown() -> NotFound:
    return NotFound("there is no such task: its id is wrong, or it has expired or was erased")


def _rendered(record: TaskRecord, technology: Technology, stored: BinaryIO) -> Iterator[bytes]:
    """The poll body in pieces. A terminal task has a result or an error, and either may be the stored file."""
    opening = json.encode(record.view().body())[:-1]
    if record.state is TaskState.DONE:
        yield opening + b',"result":'
        yield from technology.render(stored)
    else:
        yield opening + b',"error":' + stored.read()
    yield b"}"


async def _send(request: web.Request, record: TaskRecord, pieces: Iterator[bytes]) -> web.StreamResponse:
    if record.result_bytes <= _WHOLE_BYTES:
        body = await asyncio.to_thread(b"".join, pieces)
        return web.Response(body=body, content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while piece := await asyncio.to_thread(next, pieces, b""):
        await response.write(piece)
    await response.write_eof()
    return response
