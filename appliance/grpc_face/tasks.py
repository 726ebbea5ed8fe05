"""A gRPC call as one task: submitted, waited for, its result read, and erased, since nobody can ask for it again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, BinaryIO, TypeVar

from appliance import audited
from appliance.grpc_face.calls import Calls
from appliance.intake import Arrival, Caller
from schemas import json
from schemas.errors import Detail, Internal, Overloaded, TaskInternalError, TaskRefusal, TaskValidationError
from schemas.task import TaskState
from schemas.technologies import Technology
from tasks.erasing import erase
from tasks.files import ResultDamaged, ResultGone
from tasks.record import RecordDamaged, TaskRecord

log = logging.getLogger(__name__)

_WAIT_SECONDS = 60.0

_T = TypeVar("_T")


async def performed(
    calls: Calls,
    technology: Technology,
    caller: Caller,
    fill: Callable[[Arrival], Awaitable[None]],
    read: Callable[[BinaryIO], _T],
) -> _T:
    """What `read` makes, in a thread, of the stored result of a task of `technology` that `fill` has filled.

    Whatever happens meanwhile, the end of the call included, neither task nor media nor result stay. Raises what
    `Intake.arrival` raises, the TaskRefusal with which the task ends, and Unauthorized when the caller's key opens
    nothing any more by then.
    """
    async with AsyncExitStack() as stack:
        arrival = await _to_its_end(stack.enter_async_context(calls.intake.arrival(technology, None, caller)))
        await fill(arrival)
        submitting = stack.pop_all()
    try:
        # A submission that was cut short could leave a task of which nobody knows.
        await _to_its_end(submitting.aclose())
        record = await _ended(calls, arrival.task_id)
        caller.visitor.require_still()
        if record.state is TaskState.DONE:
            await calls.audit.agreed(audited.read(caller.visitor, record), repeated=True)
        return await asyncio.to_thread(_read, calls, record, read)
    finally:
        await _to_its_end(_erase(calls, arrival.task_id, technology.name, caller))


def rendered(technology: Technology) -> Callable[[BinaryIO], Any]:
    """Reads a stored result as the poll would show it."""
    return lambda stored: json.decode(b"".join(technology.render(stored)))


async def _to_its_end(work: Coroutine[Any, Any, _T]) -> _T:
    """What `work` returns, which goes on to its end although the call is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.cancelled() and (error := task.exception()):
            log.debug("at the end of a cancelled call: %s", error)
        raise


async def _aside(work: Coroutine[Any, Any, _T]) -> _T:
    """What `work` returns, which may go on for a while when the call is cancelled.

    redis-py swallows a cancellation now and then; one that came in here would be lost, and nobody would take the task
    back.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    try:
        await asyncio.wait((task,))
    finally:
        task.cancel()
    return task.result()


async def _ended(calls: Calls, task_id: str) -> TaskRecord:
    loop = asyncio.get_running_loop()
    while True:
        asked = loop.time()
        try:
            record = await _aside(calls.endings.wait(task_id, _WAIT_SECONDS))
        except RecordDamaged as error:
            raise Internal(f"task {task_id}: {error.message}") from error
        if record is None:
            raise Internal("the task was erased before it had ended")
        if record.state.terminal:
            return record
        if loop.time() - asked < _WAIT_SECONDS:
            raise Overloaded("this server is about to stop; try again")


def _read(calls: Calls, record: TaskRecord, read: Callable[[BinaryIO], _T]) -> _T:
    if record.error is not None:
        raise _refusal(record.state, record.error)
    try:
        stored = calls.files.open_result(record.task_id, record.attempt, record.result_bytes, record.result_sha256)
    except (ResultGone, ResultDamaged) as error:
        raise Internal(f"task {record.task_id}: {error.message}") from error
    with stored:
        if record.state is not TaskState.DONE:
            raise _refusal(record.state, json.decode(stored.read()))
        return read(stored)


def _refusal(state: TaskState, body: dict[str, Any]) -> TaskRefusal:
    """How the task ended."""
    details = [Detail(tuple(one["location"]), one["message"], one["type"]) for one in body["detail"]]
    return (TaskInternalError if state is TaskState.FAILED else TaskValidationError)(body["message"], details)


async def _erase(calls: Calls, task_id: str, technology: str, caller: Caller) -> None:
    try:
        if await erase(calls.store, calls.files, task_id):
            calls.audit.note(audited.erased(caller.visitor, task_id, technology, asked=False))
    except (Overloaded, RecordDamaged) as error:
        # It expires by itself.
        log.warning("task %s of a call that has ended is not erased: %s", task_id, error.message)
