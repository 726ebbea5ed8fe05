"""Something around every method of every service, whatever its kind."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from schemas.errors import RequestInvalid, RequestTimeout

# For one response to be taken, of 4 MiB at most. Whoever takes it slower does not read.
REPLY_SECONDS = 60.0
_STATUS_SECONDS = 0.1

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
# Of a method, by its path `/package.Service/Method`, and the context of one call of it.
Enter = Callable[[str, Context], AbstractAsyncContextManager[None]]


class Around(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Runs each call inside the contexts that are made for it, the first outermost, from before its first message to
    its last. A message that cannot be read is a RequestInvalid inside all of them."""

    def __init__(self, *enters: Enter) -> None:
        self._enters = enters

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(handler_call_details)
        # None: there is no such method, and grpc says so.
        return handler and _inside(handler, partial(self._entered, handler_call_details.method))

    @asynccontextmanager
    async def _entered(self, method: str, context: Context) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for enter in self._enters:
                await stack.enter_async_context(enter(method, context))
            yield


class _Unreadable:
    """Stands for a message that could not be read, until a method is there that can refuse it."""


def _inside(handler: Any, enter: Callable[[Any], AbstractAsyncContextManager[None]]) -> Any:
    """The same method, run inside a context. A method either yields its responses, which are written here, or is
    awaited."""
    kind = f"{_number(handler.request_streaming)}_{_number(handler.response_streaming)}"
    behaviour = getattr(handler, kind)

    async def written(request: Any, context: Any) -> None:
        # Closed with this one, so that the method sees its own end when nobody reads on.
        async with enter(context), aclosing(behaviour(_readable(request), context)) as responses:
            async for response in responses:
                await _write(context, response)

    async def awaited(request: Any, context: Any) -> Any:
        async with enter(context):
            return await behaviour(_readable(request), context)

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(
        written if inspect.isasyncgenfunction(behaviour) else awaited,
        _tolerant(handler.request_deserializer),
        handler.response_serializer,
    )


async def _write(context: Context, response: Any) -> None:
    """Raises CancelledError when nobody takes the response. The status that says so waits behind it, not here."""
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            await context.write(response)
    except TimeoutError as error:
        words = f"a response was not taken within {REPLY_SECONDS:g} s"
        with suppress(TimeoutError):
            async with asyncio.timeout(_STATUS_SECONDS):
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, words, (("error-type", RequestTimeout.type),))
        raise asyncio.CancelledError(words) from error


def _number(streaming: bool) -> str:
    return "stream" if streaming else "unary"


def _tolerant(deserializer: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    """A deserializer that leaves the refusing to the method: grpc itself would tell the client of our exceptions."""

    def read(message: bytes) -> Any:
        try:
            return deserializer(message) if deserializer else message
        except DecodeError:
            return _Unreadable()

    return read


def _readable(request: Any) -> Any:
    """The request, or its stream. Raises RequestInvalid where it could not be read."""
    if hasattr(request, "__aiter__"):
        return _Readable(request)
    if isinstance(request, _Unreadable):
        raise RequestInvalid("the message is not the protobuf message that this method takes")
    return request


class _Readable:
    """A stream of requests. Not a generator, which would be over once whoever waits for the next gives up."""

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = requests

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return _readable(await anext(aiter(self._requests)))
