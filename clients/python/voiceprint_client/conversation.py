"""All that is said to an appliance, once for both clients: whether a call blocks is its transport's affair."""

import inspect
import time
import uuid
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, TypeVar

from voiceprint_client import ask, reading, system
from voiceprint_client.calls import Calls
from voiceprint_client.errors import (
    ClientError,
    NotFound,
    StrangeAnswer,
    TaskEnded,
    TaskFailed,
    TaskRejected,
    TaskUnfinished,
)
from voiceprint_client.settings import Settings
from voiceprint_client.technology import Request, Task
from voiceprint_client.wire import Answer, Call, Transport, details, scattered

# Proxies give up after a minute.
LONGEST_WAIT = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
# For how many seconds it is tried to erase what nobody waits for any more.
_LAST_WORD = 5.0

Given = ParamSpec("Given")
Result = TypeVar("Result")


def runs(
    make: Callable[Given, Request[Result]],
) -> Callable[Concatenate["Conversation", Given], Coroutine[Any, Any, Result]]:
    """The method that makes a request and runs it."""

    @wraps(make)
    async def ran(self: "Conversation", /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return await self.run(make(*args, **kwargs))

    # What `help` shows.
    taken = inspect.signature(make)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    returned = taken.return_annotation.__args__[0]
    ran.__signature__ = taken.replace(  # type: ignore[attr-defined]
        parameters=[itself, *taken.parameters.values()], return_annotation=returned
    )
    return ran


class Conversation:
    """Everything an appliance can be asked, as coroutines."""

    def __init__(self, settings: Settings, transport: Transport, longest_wait: float = LONGEST_WAIT) -> None:
        self._settings = settings
        self._calls = Calls(transport, settings.patience)
        self._longest_wait = longest_wait

    extract = runs(ask.extract)
    convert = runs(ask.convert)
    compare = runs(ask.compare)
    merge = runs(ask.merge)
    gender = runs(ask.gender)
    gender_of_voiceprints = runs(ask.gender_of_voiceprints)
    age = runs(ask.age)
    age_of_voiceprints = runs(ask.age_of_voiceprints)
    voice_activity = runs(ask.voice_activity)
    diarize = runs(ask.diarize)

    async def run(self, request: Request[Result]) -> Result:
        """The result of a request: submitted, waited for and, as the client's `erase` says, erased.

        Raises what `submit` and `wait` raise.
        """
        erase, made = self._settings.erase, list[Task[Result]]()
        try:
            await self._submit(request, made.append)
            result = await self.wait(made[0])
        except BaseException as error:
            # Whoever is cancelled, interrupted or out of time was never told its id: nobody could erase it later.
            if made and (erase == "always" or (erase == "abandoned" and not isinstance(error, TaskEnded))):
                with suppress(ClientError):
                    await self._erase(made[0], end=time.monotonic() + _LAST_WORD)
            raise
        if erase == "always":
            await self.erase(made[0])
        return result

    async def submit(
        self, request: Request[Result], *, idempotency_key: str | None = None, callback_url: str | None = None
    ) -> Task[Result]:
        """A new task, to be waited for.

        However often the request is repeated on the way, there is one task: it carries a key of its own, or the
        `idempotency_key` with which a caller that was itself begun anew finds the task it has made before. The
        appliance calls `callback_url` at the task's end.

        Raises Refused and NoAnswer, after which there may be a task or not, and OSError for a recording that cannot be
        read.
        """
        made: list[Task[Result]] = []
        await self._submit(request, made.append, idempotency_key=idempotency_key, callback_url=callback_url)
        return made[0]

    async def _submit(
        self,
        request: Request[Result],
        tell: Callable[[Task[Result]], None],
        *,
        idempotency_key: str | None = None,
        callback_url: str | None = None,
    ) -> None:
        """Tells which task was made, if that can be known also when it is cancelled."""

        def late(answer: Answer) -> None:
            with suppress(StrangeAnswer):
                if answer.status == HTTPStatus.ACCEPTED:
                    tell(_made(request, answer))

        call = Call(
            "POST",
            f"/api/technology/{request.technology.name}",
            parameters={**request.parameters, **({"callback_url": callback_url} if callback_url else {})},
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            content=request.content,
            late=late,
        )
        tell(_made(request, await self._calls.ask(call)))

    async def wait(self, task: Task[Result], *, within: float | None = None) -> Result:
        """The result of a task, once it has ended; it stays at the appliance.

        Raises TaskRejected and TaskFailed; TaskUnfinished when it has not ended `within` so many seconds, or those that
        the client was given; NotFound, Refused and NoAnswer.
        """
        within = self._settings.within if within is None else within
        end = float("inf") if within is None else time.monotonic() + within
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            asked = max(0.0, min(self._longest_wait, end - began))
            answer = await self._calls.ask(
                Call(
                    "GET",
                    task.path,
                    parameters={"wait": f"{asked:.3f}"},
                    headers={"Accept": f"{reading.MSGPACK}, application/json;q=0.9"},
                    waits=asked,
                ),
                end=end,
            )
            body = answer.tree()
            if _ended(task, body):
                return _read(task.technology.result, body.get("result"))
            now = time.monotonic()
            if now >= end:
                raise TaskUnfinished(f"the task has not ended within {within:g} s", task_id=task.task_id)
            if now - began < asked / 2:
                # One that knows of no waiting, or that is being stopped.
                await self._calls.transport.pause(min(scattered(pause), end - now))
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def erase(self, task: Task[Any]) -> bool:
        """Takes a task back, with its recording or voiceprints and its result, whatever its state. False when there is
        no such task, or none any more.

        Raises Refused and NoAnswer.
        """
        return await self._erase(task)

    async def _erase(self, task: Task[Any], end: float = float("inf")) -> bool:
        try:
            await self._calls.ask(Call("DELETE", task.path), end=end)
        except NotFound:
            return False
        return True

    async def info(self) -> system.Info:
        """Which version runs, and what it can do."""
        return await self._system("info", system.Info)

    async def models(self) -> tuple[system.Model, ...]:
        """The speaker models that are served, the default first."""
        return (await self._system("models", system.Models)).models

    async def status(self) -> system.Status:
        """How busy it is, and its limits."""
        return await self._system("status", system.Status)

    async def _system(self, name: str, kind: type[Result]) -> Result:
        return _read(kind, (await self._calls.ask(Call("GET", f"/api/system/{name}"))).tree())


def _made(request: Request[Result], answer: Answer) -> Task[Result]:
    """The task that the answer to a POST names. Raises StrangeAnswer."""
    made = answer.tree().get("task")
    if not isinstance(made, dict) or not isinstance(made.get("task_id"), str):
        raise StrangeAnswer("the answer does not say which task was made")
    if ignored := answer.headers.get("x-ignored-parameters"):
        warnings.warn(f"the appliance does not know the parameter {ignored}", stacklevel=2)
    return Task(request.technology, made["task_id"])


def _ended(task: Task[Any], body: dict[str, Any]) -> bool:
    """Whether there is a result. Raises TaskRejected and TaskFailed, StrangeAnswer for a state that is none."""
    told = body.get("task")
    state = told.get("state") if isinstance(told, dict) else None
    if state in ("rejected", "failed"):
        error = body.get("error")
        error = error if isinstance(error, dict) else {}
        raise (TaskRejected if state == "rejected" else TaskFailed)(
            str(error.get("message") or f"the task was {state}"),
            task_id=task.task_id,
            type=str(error.get("type", "")),
            detail=details(error),
        )
    if state not in ("done", "pending", "running"):
        raise StrangeAnswer(f"a task in the state {state!r}, which the contract does not know")
    return bool(state == "done")


def _read(kind: type[Result], found: Any) -> Result:
    try:
        return reading.read(kind, found)
    except ValueError as error:
        raise StrangeAnswer(f"an answer that is no {kind.__name__.lower()}: {error}") from error
