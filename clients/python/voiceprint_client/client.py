"""The two clients. They are of one shape: what `Client` returns, `AsyncClient` returns when awaited."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from functools import wraps
from ssl import SSLContext
from threading import Event
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from voiceprint_client.conversation import Conversation
from voiceprint_client.many import Outcome, Stoppable, each_in_tasks, each_in_threads
from voiceprint_client.over_httpx import Blocking, Looping
from voiceprint_client.settings import DEFAULT_URL, Erase, Settings
from voiceprint_client.technology import Request

# How long a thread may be in a poll, and so how long it takes to stop.
_THREADS_WAIT = 2.0

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Configured:
    """What both clients are told.

    `url` is the appliance's address, and `api_key` opens it. `tls` is a context as `voiceprint_client.tls` makes it;
    without one, public authorities are trusted. `timeout` is for how many seconds nothing may come or go on a
    connection. For `patience` seconds a call is repeated while the appliance is away or busy, not earlier than it asks
    by `Retry-After`; one that never answered is given up after 5. A task has to end `within` so many seconds, or takes
    as long as it takes.

    `erase` says which tasks are erased at the appliance before they expire: never one; those that are abandoned because
    their caller was cancelled, interrupted or out of time; or always, as soon as the result has come. An API key needs
    the scope `erase` for that.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        tls: SSLContext | None = None,
        timeout: float = 30.0,
        patience: float = 60.0,
        within: float | None = None,
        erase: Erase = "abandoned",
    ) -> None:
        """Raises ValueError for an address that is none."""
        self._open(
            Settings(url=url, api_key=api_key, tls=tls, timeout=timeout, patience=patience, within=within, erase=erase)
        )

    def _open(self, settings: Settings) -> None:
        raise NotImplementedError


class AsyncClient(Configured, Conversation):
    """For asyncio. Use it as `async with AsyncClient(...) as client`."""

    def _open(self, settings: Settings) -> None:
        self._transport = Looping(settings)
        Conversation.__init__(self, settings, self._transport)

    def each(self, requests: Iterable[Request[Result]], *, at_once: int = 8) -> AsyncGenerator[Outcome[Result], None]:
        """The outcome of every request, in the order in which they end, `at_once` of them at a time; the next is taken
        from `requests` when there is a place for it.

        A loop that may be left early stands in `contextlib.aclosing`, which then cancels what still runs.
        """
        return each_in_tasks(self.run, requests, at_once)

    async def close(self) -> None:
        """Closes its connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def completed(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine returns that never waits for a loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    raise RuntimeError("a transport that blocks has waited for a loop")


def blocking(
    method: Callable[Concatenate[Conversation, Given], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate["Client", Given], Result]:
    """The same method, for those who block."""

    @wraps(method)
    def called(self: "Client", /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return completed(method(self._conversation, *args, **kwargs))

    return called


class Client(Configured):
    """For everybody else; threads may share it. Use it as `with Client(...) as client`."""

    def _open(self, settings: Settings) -> None:
        self._settings = settings
        self._transport = Blocking(settings)
        self._conversation = Conversation(settings, self._transport)

    extract = blocking(Conversation.extract)
    convert = blocking(Conversation.convert)
    compare = blocking(Conversation.compare)
    merge = blocking(Conversation.merge)
    gender = blocking(Conversation.gender)
    gender_of_voiceprints = blocking(Conversation.gender_of_voiceprints)
    age = blocking(Conversation.age)
    age_of_voiceprints = blocking(Conversation.age_of_voiceprints)
    voice_activity = blocking(Conversation.voice_activity)
    diarize = blocking(Conversation.diarize)

    run = blocking(Conversation.run)
    submit = blocking(Conversation.submit)
    wait = blocking(Conversation.wait)
    erase = blocking(Conversation.erase)
    info = blocking(Conversation.info)
    models = blocking(Conversation.models)
    status = blocking(Conversation.status)

    def each(self, requests: Iterable[Request[Result]], *, at_once: int = 8) -> Generator[Outcome[Result], None, None]:
        """The outcome of every request, in the order in which they end, `at_once` of them at a time, each in a thread;
        the next is taken from `requests` when there is a place for it.

        When the loop is left early, what still runs is abandoned.
        """
        stop = Event()
        conversation = Conversation(self._settings, Stoppable(self._transport, stop), _THREADS_WAIT)
        return each_in_threads(lambda request: completed(conversation.run(request)), requests, at_once, stop)

    def close(self) -> None:
        """Closes its connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
