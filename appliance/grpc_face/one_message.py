"""Methods that take one message: read by us, since grpc itself would read it before any limit of ours holds."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc
import grpc.aio

from appliance.grpc_face.around import Context
from appliance.grpc_face.readers import Patience, Readers
from schemas.errors import RequestInvalid, TooLarge

# A message of work may be as long as any, and its line slow.
_WORK = Patience(seconds=30.0, at_a_time=8, grace=5.0)
# A question has a name at most, and comes with the call. Longer ones have taken their room once that is seen.
_QUESTION = Patience(seconds=5.0, at_a_time=16, grace=0.5)
_MOST_QUESTION_BYTES = 4 << 10
_QUESTIONS = ("/grpc.", "/phonexia.grpc.common.")

# A message as soon as it has come.
_Read = Callable[[AsyncIterator[bytes], Context], Awaitable[Any]]


class OneMessage(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Makes such a method one of a stream, whose first message is read before the method is run."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` is the length of the longest message."""
        self._most_bytes = most_bytes
        self._work, self._questions = Readers(_WORK), Readers(_QUESTION)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        question = handler_call_details.method.startswith(_QUESTIONS)
        readers, most = (self._questions, _MOST_QUESTION_BYTES) if question else (self._work, self._most_bytes)
        read = partial(_read, readers, most, handler.request_deserializer)
        kind = "unary_stream" if handler.response_streaming else "unary_unary"
        behaviour = getattr(handler, kind)
        # Those that are no generators write their responses themselves.
        run = partial(_yielding if inspect.isasyncgenfunction(behaviour) else _awaited, read, behaviour)
        make = getattr(grpc, kind.replace("unary", "stream", 1) + "_rpc_method_handler")
        return make(run, None, handler.response_serializer)


async def _read(
    readers: Readers,
    most_bytes: int,
    deserialize: Callable[[bytes], Any],
    requests: AsyncIterator[bytes],
    context: Context,
) -> Any:
    """Raises RequestInvalid for a call without a message, TooLarge, and what `Readers.turn` raises."""
    arriving = aiter(requests)
    async with readers.turn(context.peer()):
        message = await anext(arriving, None)
        # To its end: until then the stream keeps its last message.
        more = await anext(arriving, None)
    if message is None or more is not None:
        raise RequestInvalid(f"the call has {'no message' if message is None else 'more messages'}: it takes one")
    if len(message) > most_bytes:
        raise TooLarge(f"a message of {len(message)} bytes is larger than the limit of {most_bytes} bytes here")
    return deserialize(message)


async def _awaited(read: _Read, behaviour: Any, requests: AsyncIterator[bytes], context: Context) -> Any:
    # The message has no name here, so that it is gone when its method lets go of it.
    return await behaviour(await read(requests, context), context)


async def _yielding(
    read: _Read, behaviour: Any, requests: AsyncIterator[bytes], context: Context
) -> AsyncIterator[Any]:
    async with aclosing(behaviour(await read(requests, context), context)) as responses:
        async for response in responses:
            yield response
