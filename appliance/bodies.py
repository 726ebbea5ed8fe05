"""Reading request bodies: streamed, counted, timed; whatever a client sends ends in a file or in a refusal."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

from aiohttp import hdrs, web
from multipart import MultipartSegment

from appliance import forms
from appliance.answers import repeated
from appliance.intake import FRAMING_BYTES
from schemas import json
from schemas.arrow_frames import CONTINUES
from schemas.errors import (
    Detail,
    RequestInvalid,
    RequestTimeout,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
    ValidationError,
)
from schemas.representations import ARROW

# A client that sends nothing for this long is not slow but gone.
STALL_SECONDS = 30.0
_CHUNK_BYTES = 1 << 19
_OURS = frozenset({"file", "config"})
# What a part may say of itself and be its bytes all the same.
_PLAIN = {
    hdrs.CONTENT_TRANSFER_ENCODING: frozenset({"", "binary", "8bit", "7bit"}),
    hdrs.CONTENT_ENCODING: frozenset({"", "identity"}),
}

Write = Callable[[bytes], Awaitable[None]]


async def read_document(request: web.Request, write: Write, *, seconds: float) -> None:
    """The JSON body to `write`. Raises UnsupportedMedia, RequestTimeout."""
    _refuse_encoding(request)
    if hdrs.CONTENT_TYPE in request.headers and request.content_type != "application/json":
        raise UnsupportedMedia(f"the body must be application/json, not {repeated(request.content_type)}")
    async with _deadline(seconds) as alive:
        async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
            alive()
            await write(chunk)


async def read_stream(request: web.Request, write: Write, kinds: Sequence[str], *, seconds: float) -> None:
    """A body of one of the media types `kinds` to `write`, as it comes.

    Raises UnsupportedMedia, RequestTimeout, ValidationError for a body of nothing, RequestInvalid for one that begins
    otherwise than its type does, Unavailable for an Arrow stream where nothing reads one.
    """
    _refuse_encoding(request)
    kind = request.content_type if hdrs.CONTENT_TYPE in request.headers else None
    if kind not in (None, *kinds):
        raise UnsupportedMedia(f"the body must be {' or '.join(kinds)}, not {repeated(str(kind))}")
    async with _deadline(seconds) as alive:
        try:
            head = await request.content.readexactly(len(CONTINUES))
        except asyncio.IncompleteReadError as error:
            head = error.partial
        if not head:
            raise ValidationError("the body is empty", [Detail(("body",), "there is nothing in it", "missing")])
        if kind is not None and (head == CONTINUES) != (kind == ARROW):
            raise RequestInvalid(f"the body is not {kind}: it begins otherwise")
        if head == CONTINUES and find_spec("pyarrow") is None:
            raise Unavailable(
                "Arrow streams need pyarrow here: pip install 'voiceprint-appliance[bulk]', or send JSON lines"
            )
        await write(head)
        async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
            alive()
            await write(chunk)


async def read_form(request: web.Request, write: Write, *, seconds: float) -> dict[str, Any]:
    """The part `file` to `write`; the part `config` as a dictionary, empty when there is none.

    Other parts are skipped. Raises UnsupportedMedia for another content type and for a part that is encoded,
    RequestInvalid for a form that is cut short or malformed, ValidationError for a missing file, a repeated part or a
    config that is no JSON object, TooLarge for more than FRAMING_BYTES beside the file, RequestTimeout.
    """
    _refuse_encoding(request)
    # aiohttp makes an e-mail of the header to tell its type, at a tenth of what a small upload costs in all.
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    if not _is_form(content_type):
        raise UnsupportedMedia("the body must be multipart/form-data with the recording in its part 'file'")
    seen: set[str] = set()
    part, beside, config = None, 0, bytearray()
    async with _deadline(seconds) as alive:
        async for begun, piece in forms.pieces(content_type, request.content):
            alive()
            if begun is not part:
                part, name = begun, begun.name or ""
                if name in seen & _OURS:
                    raise ValidationError(f"the form has more than one {name}", [_at(name, "repeated")])
                seen.add(name)
                _refuse_encoded(part)
            if name == "file":
                await write(piece)
                continue
            beside += len(piece)
            if beside > FRAMING_BYTES:
                raise TooLarge(f"the form's parts beside its file are larger than {FRAMING_BYTES} bytes")
            if name == "config":
                config += piece
    if "file" not in seen:
        raise ValidationError("the form has no part named 'file'", [_at("file", "missing")])
    return _config(bytes(config)) if config else {}


def _is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


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


def _refuse_encoded(part: MultipartSegment) -> None:
    """HTTP needs no encoding, and what is stored must be what was recorded."""
    for header, plain in _PLAIN.items():
        encoding = part.header(header, "").strip().lower()
        if part.name in _OURS and encoding not in plain:
            raise UnsupportedMedia(
                f"the part {part.name!r} has {header} {repeated(encoding)}, which is not decoded here: "
                "send its bytes as they are"
            )


def _refuse_encoding(request: web.Request) -> None:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedMedia("compressed request bodies are not read: send it without Content-Encoding")
    if request.headers.get(hdrs.TRANSFER_ENCODING, "chunked").strip().lower() != "chunked":
        raise UnsupportedMedia("of transfer encodings only 'chunked' is known here")


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
