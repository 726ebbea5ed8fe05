"""`GET /api/technology/<name>/<task id>`: the poll, with the result rendered from its file."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from aiohttp import web

from appliance.context import FILES, STORE
from schemas import json
from schemas.errors import Internal, NotFound
from schemas.task import TaskState
from schemas.technologies import Technology, technologies
from tasks.files import ResultDamaged, ResultGone
from tasks.record import RecordDamaged, TaskRecord

# Below this a result is rendered at once and sent with its length; above, piece by piece.
_WHOLE_BYTES = 1 << 18


def routes() -> list[web.RouteDef]:
    return [web.get("/api/technology/{technology}/{task_id}", poll)]


async def poll(request: web.Request) -> web.StreamResponse:
    technology = request.match_info["technology"]
    unknown = NotFound("there is no such task: its id is wrong, or it has expired")
    try:
        # A UUID may be written in several ways; the store knows one.
        task_id = str(uuid.UUID(request.match_info["task_id"]))
        record = await request.app[STORE].fetch(task_id)
    except ValueError as error:
        raise unknown from error
    except RecordDamaged as error:
        raise Internal(error.message) from error
    # A record that was found damaged has ended as failed and does not know its technology any more.
    if record is None or record.technology not in {technology, ""}:
        raise unknown
    if not record.result_bytes:
        return web.Response(body=json.encode(record.view().body()), content_type="application/json")
    try:
        stored = await asyncio.to_thread(
            request.app[FILES].open_result, task_id, record.attempt, record.result_bytes, record.result_sha256
        )
    except ResultGone as error:
        raise unknown from error
    except ResultDamaged as error:
        raise Internal(error.message) from error
    with stored:
        return await _send(request, record, _rendered(record, technologies()[technology], stored))


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
