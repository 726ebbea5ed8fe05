"""Looking names up, by a name service that may hang."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.webhooks import resolving
from appliance.webhooks.resolving import resolved
from schemas.errors import Overloaded
from tests.patience import PATIENCE


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A name service that does not answer until it is told to."""
    answers = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[Any]:
        answers.wait(PATIENCE)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]

    monkeypatch.setattr(resolving.socket, "getaddrinfo", getaddrinfo)  # type: ignore[attr-defined]
    monkeypatch.setattr(resolving, "SECONDS", 0.05)
    yield answers
    answers.set()


async def test_addresses_in_order_and_once() -> None:
    """A number is its own address."""
    assert await resolved("127.0.0.1", 80) == ("127.0.0.1",)
    assert await resolved("::1", 80) == ("::1",)


async def test_unknown_names() -> None:
    """The system's error is passed on, and leaves room for the next."""
    for _ in range(40):
        with pytest.raises(socket.gaierror):
            await resolved("-", 80)


async def test_nobody_waits_for_what_hangs(hanging: threading.Event) -> None:
    """It times out; when too many hang, others are asked to come again; afterwards there is room as before."""
    answers = await asyncio.gather(*(resolved("slow.example", 80) for _ in range(20)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Overloaded"] * 4 + ["TimeoutError"] * 16
    with pytest.raises(Overloaded):
        await resolved("slow.example", 80)
    hanging.set()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert await resolved("slow.example", 80) == ("8.8.8.8",)
                break
            except (Overloaded, TimeoutError):
                await asyncio.sleep(0.01)
