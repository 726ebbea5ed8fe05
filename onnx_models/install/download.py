"""Downloading a model's file: what was cut off is resumed, and nothing gets its place before its hash is right."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import aiohttp

from onnx_models.install import transport
from onnx_models.install.partial import Partial, partial
from onnx_models.install.progress import SILENT, Progress
from onnx_models.install.transport import Patience, Unfetched
from onnx_models.registry import AddressSource, Card, installed, verify
from schemas.errors import ConfigurationError

_BLOCK_BYTES = 1 << 16
# An attempt that brings this share of the file is not counted as fruitless: the next one begins further on.
_FRUITFUL_SHARE = 0.01
_LONGEST_PAUSE_SECONDS = 60.0


_PATIENT = Patience()


def download(
    card: Card,
    models_dir: Path,
    progress: Progress = SILENT,
    patience: Patience = _PATIENT,
    accept: Callable[[Path], None] = lambda _: None,
) -> Path:
    """The path of the card's file in `models_dir`, fetched from the card's address and verified.

    What has come is kept when the connection, or this process, ends before; the next call goes on from there. Where
    another process fetches the same file, its end is waited for. Never more than the card's bytes are read. `accept`
    sees the verified file before it gets its name, and may refuse it with a ConfigurationError; nothing of it is kept
    then. Raises ConfigurationError with the cure.
    """
    address = _address(card)
    target = card.path(models_dir)

    def waiting() -> None:
        progress.said(f"{card.name}: another process fetches it; waiting for its end")

    with partial(target, card.bytes, card.sha256, waiting) as arriving:
        if installed(card, models_dir):
            try:
                return verify(card, models_dir)
            except ConfigurationError as damaged:
                progress.said(damaged.message)
        _check_room(arriving)
        try:
            asyncio.run(_fetch(card.name, address, arriving, progress, patience))
        except KeyboardInterrupt:
            progress.said(
                f"{card.name}: {arriving.done} of {card.bytes} bytes are kept; the same command goes on there"
            )
            raise
        except Unfetched as failed:
            kept = f" ({arriving.done} bytes are kept, the next attempt goes on from there)" if arriving.done else ""
            raise ConfigurationError(
                f"{card.name} could not be fetched: {failed.message}{kept}; {_cure(card)}"
            ) from failed
        try:
            accept(arriving.path)
        except ConfigurationError:
            arriving.restart()
            raise
        arriving.take_place()
    return target


def _address(card: Card) -> str:
    if not isinstance(card.source, AddressSource):
        raise ConfigurationError(f"{card.name} has no address that it could be fetched from")
    return card.source.address


def _cure(card: Card) -> str:
    return (
        "behind a proxy set HTTPS_PROXY; with no network, fetch "
        f"{_address(card)} elsewhere and give it with `voiceprint models install {card.name} --from FILE`, "
        "or carry it over with `voiceprint models bundle`"
    )


def _check_room(arriving: Partial) -> None:
    folder = arriving.target.parent
    free = shutil.disk_usage(folder).free
    if free < arriving.missing:
        raise ConfigurationError(
            f"{folder} has room for {free} bytes and {arriving.missing} are to come; make room there, or name a folder "
            "with room in VOICEPRINT_MODELS_DIR"
        )


async def _fetch(name: str, address: str, arriving: Partial, progress: Progress, patience: Patience) -> None:
    fruitless, started_over = 0, False
    async with transport.session(patience) as client:
        while True:
            before = arriving.done
            if before:
                progress.said(f"{name}: going on after {before} of {arriving.size} bytes")
            try:
                await _attempt(client, address, arriving, progress)
                if arriving.verified():
                    return
                # Parts may be of different versions of a file; what came in one piece is what the server has.
                if started_over or not before:
                    raise Unfetched("the file there is not the pinned one: its SHA-256 is another", again=False)
                started_over = True
                progress.said(f"{name}: the parts do not make the pinned file; starting over")
            except Unfetched as failed:
                fruitful = arriving.done - before >= arriving.size * _FRUITFUL_SHARE
                fruitless = 0 if fruitful else fruitless + 1
                if not failed.again or fruitless >= patience.attempts:
                    raise
                pause = patience.pause_seconds * 2 ** max(0, fruitless - 1) if failed.pause is None else failed.pause
                progress.said(f"{name}: {failed.message}; trying again in {pause:g} s")
                await asyncio.sleep(min(pause, _LONGEST_PAUSE_SECONDS))


async def _attempt(client: aiohttp.ClientSession, address: str, arriving: Partial, progress: Progress) -> None:
    """One request, and what comes of it. Returns once the whole file is here."""
    progress.received(arriving.done, arriving.size)
    if not arriving.missing:
        return
    headers = {}
    if arriving.done:
        headers["Range"] = f"bytes={arriving.done}-"
        if (known := arriving.validator) is not None:
            headers["If-Range"] = known
    async with transport.answer(client, address, headers) as response:
        _begin(response, arriving)
        while arriving.missing:
            block = await response.content.read(min(_BLOCK_BYTES, arriving.missing))
            if not block:
                raise Unfetched(f"{response.url.host} ended after {arriving.done} of {arriving.size} bytes", again=True)
            arriving.append(block)
            progress.received(arriving.done, arriving.size)


def _begin(response: aiohttp.ClientResponse, arriving: Partial) -> None:
    """Makes what has come fit what comes now. Raises Unfetched when the file there cannot be the pinned one."""
    host = response.url.host
    if response.status == 206:
        first, _, whole = transport.content_range(response)
        if whole is not None and whole != arriving.size:
            raise _another(host, whole, arriving.size)
        if first != arriving.done:
            arriving.restart()
            raise Unfetched(f"{host} sent another part than was asked for", again=True)
        return
    if response.status == 416:
        arriving.restart()
        raise Unfetched(f"{host} does not have the part that was asked for", again=True)
    if response.content_length is not None and response.content_length != arriving.size:
        raise _another(host, response.content_length, arriving.size)
    # The whole file: the server cannot resume, or its file has changed since.
    arriving.restart(transport.validator(response))


def _another(host: str | None, found: int, expected: int) -> Unfetched:
    return Unfetched(f"the file at {host} has {found} bytes and the pinned one {expected}", again=False)
