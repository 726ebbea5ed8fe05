"""`/api/technology/<name>/<task id>`: GET is the poll, with the result rendered from its file, DELETE takes it back."""

import asyncio
import uuid
from collections.abc import Iterator
from functools import partial
from typing import cast

from aiohttp import hdrs, web

from appliance import audited
from appliance.context import AUDIT, ENDINGS, FILES, RESULTS, SETTINGS, STORE, VISITOR
from appliance.negotiation import preferred
from appliance.port.connection import Connection
from appliance.results import WHOLE_BYTES, gathered, rendered
from schemas import json
from schemas.errors import Internal, NotFound
from schemas.representations import JSON, MSGPACK
from schemas.task import TaskState, is_task_id
from schemas.technologies import technologies
from schemas.waiting import waiting_seconds
from tasks.erasing import erase, may_see
from tasks.files import ResultDamaged, ResultGone
from tasks.record import RecordDamaged, TaskRecord

# What is kept of an answer is not for whoever asks for another form.
_VARIES = {hdrs.VARY: hdrs.ACCEPT}

_PATH = "/api/technology/{technology}/{task_id}"


def routes() -> list[web.RouteDef]:
    return [web.get(_PATH, poll), web.delete(_PATH, take_back)]


async def poll(request: web.Request) -> web.StreamResponse:
    """The task as it is, or with `wait` as it is at its end or after so many seconds."""
    seconds = waiting_seconds(request.query.getall("wait", [])) if request.query_string else 0.0
    task_id = _task_id(request)
    try:
        if seconds:
            with cast("Connection", request.protocol).while_connected():
                record = _of_path(request, await _waited(request, task_id, seconds))
            request[VISITOR].require_still()
        else:
            record = _of_path(request, await _read(request, task_id))
    except RecordDamaged as error:
        raise Internal(error.message) from error
    if not record.result_bytes:
        return web.Response(body=json.encode(record.view().body()), content_type=JSON, headers=_VARIES)
    try:
        return await _ended(request, record)
    except ResultGone as error:
        raise _unknown() from error
    except ResultDamaged as error:
        raise Internal(f"task {task_id}: {error.message}") from error


async def _ended(request: web.Request, record: TaskRecord) -> web.StreamResponse:
    """The answer with what is in the task's result file. Raises ResultGone and ResultDamaged."""
    form, results = _form(request, record), request.app[RESULTS]
    if record.result_bytes <= WHOLE_BYTES:
        body = await results.whole(record, form)
        await _tell(request, record)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: form, **_VARIES})
    with await results.opened(record) as stored:
        await _tell(request, record)
        return await _send(request, rendered(record, stored, form), form)


async def _tell(request: web.Request, record: TaskRecord) -> None:
    """Tells the audit log that a result is about to be handed out. Raises StorageFull when it cannot be told."""
    audit = request.app[AUDIT]
    if audit.keeps and record.state is TaskState.DONE:
        await audit.agreed(audited.read(request[VISITOR], record), repeated=True)


async def _waited(request: web.Request, task_id: str, seconds: float) -> TaskRecord | None:
    try:
        return await request.app[ENDINGS].wait(task_id, seconds, partial(_of_path, request))
    except RecordDamaged:
        return await _read(request, task_id)


async def _read(request: web.Request, task_id: str) -> TaskRecord | None:
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
    given = request.match_info["task_id"]
    if is_task_id(given):
        return given
    try:
        return str(uuid.UUID(given))
    except ValueError as error:
        raise _unknown() from error


def _of_path(request: web.Request, record: TaskRecord | None) -> TaskRecord:
    """The record, where whoever asks owns it: what others own is unknown, and answered like all that is."""
    if record is None or not may_see(record, request.match_info["technology"], request[VISITOR].scope):
        raise _unknown()
    return record


def _unknown() -> NotFound:
    return NotFound("there is no such task: its id is wrong, or it has expired or was erased")


def _form(request: web.Request, record: TaskRecord) -> str:
    if record.state is not TaskState.DONE:
        return JSON
    accept = request.headers.getall(hdrs.ACCEPT, ())
    return preferred(accept, (JSON, MSGPACK, *technologies()[record.technology].forms)) if accept else JSON


async def _send(request: web.Request, pieces: Iterator[bytes], form: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: form, **_VARIES})
    await response.prepare(request)
    # While one piece is on its way the next is made.
    following = asyncio.create_task(asyncio.to_thread(gathered, pieces))
    try:
        while piece := await following:
            following = asyncio.create_task(asyncio.to_thread(gathered, pieces))
            await response.write(piece)
    finally:
        # The thread reads from the file, which is closed next.
        await asyncio.wait((following,))
    await response.write_eof()
    return response
