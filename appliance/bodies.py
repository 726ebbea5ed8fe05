"""Reading request bodies: streamed, counted, timed; whatever a client sends ends in a file or in a refusal."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import BodyPartReader, hdrs, web

from appliance.intake import FRAMING_BYTES
from schemas import json
from schemas.errors import Detail, RequestInvalid, RequestTimeout, UnsupportedMedia, ValidationError

# A client that sends nothing for this long is not slow but gone.
STALL_SECONDS = 30.0
_CHUNK_BYTES = 1 << 18
_CONFIG_BYTES = 1 << 16

Write = Callable[[bytes], Awaitable[None]]


async def read_document(request: web.Request, write: Write, *, seconds: float) -> None:
    """The JSON body to `write`. Raises UnsupportedMedia, RequestTimeout."""
    _refuse_encoding(request)
    if hdrs.CONTENT_TYPE in request.headers and request.content_type != "application/json":
        raise UnsupportedMedia(f"the body must be application/json, not {request.content_type}")
    async with _deadline(seconds) as alive:
        async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
            alive()
            await write(chunk)


async def read_form(request: web.Request, write: Write, *, seconds: float) -> dict[str, Any]:
    """The part `file` to `write`; the part `config` as a dictionary, empty when there is none.

    Other parts are skipped. Raises UnsupportedMedia for another content type, RequestInvalid for a form that is cut
    short or malformed, ValidationError for a missing or repeated file or a config that is no JSON object,
    RequestTimeout.
    """
    _refuse_encoding(request)
    if request.content_type != "multipart/form-data":
        raise UnsupportedMedia("the body must be multipart/form-data with the recording in its part 'file'")
    found, config, framing = False, {}, 0
    async with _deadline(seconds) as alive:
        try:
            reader = await request.multipart()
            while (part := await reader.next()) is not None:
                if not isinstance(part, BodyPartReader):
                    raise RequestInvalid("a part of the form is itself a form")
                if part.name == "file" and found:
                    raise ValidationError("the form has more than one file", [_at("file", "repeated")])
                text = bytearray()
                while chunk := await part.read_chunk(_CHUNK_BYTES):
                    alive()
                    if part.name == "file":
                        await write(chunk)
                        continue
                    framing += len(chunk)
                    if framing > FRAMING_BYTES or len(text) > _CONFIG_BYTES:
                        raise RequestInvalid("the form's parts beside its file are too large")
                    text += chunk
                found = found or part.name == "file"
                if part.name == "config":
                    config = _config(bytes(text))
        except (ValueError, AssertionError, EOFError) as error:
            raise RequestInvalid("the multipart form is malformed or cut short") from error
    if not found:
        raise ValidationError("the form has no part named 'file'", [_at("file", "missing")])
    return config


def _at(part: str, kind: str) -> Detail:
    return Detail(("body", part), f"the part {part!r} is {kind}", kind)


def _config(text: bytes) -> dict[str, Any]:
    try:
        config = json.decode(text)
    except ValueError as error:
        raise ValidationError(f"the part 'config' is not JSON: {error}", [_at("config", "malformed")]) from error
    if not isinstance(config, dict):
        raise ValidationError("the part 'config' must be a JSON object", [_at("config", "malformed")])
    return config


def _refuse_encoding(request: web.Request) -> None:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise UnsupportedMedia("compressed request bodies are not read: send it without Content-Encoding")


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[Callable[[], None]]:
    """At most `seconds` in all and `STALL_SECONDS` between two calls of what it yields. Raises RequestTimeout."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        async with asyncio.timeout_at(min(end, loop.time() + STALL_SECONDS)) as timeout:
            yield lambda: timeout.reschedule(min(end, loop.time() + STALL_SECONDS))
    except TimeoutError as error:
        raise RequestTimeout(
            f"the upload did not arrive within {seconds:g} s, or stood still for {STALL_SECONDS:g} s"
        ) from error
