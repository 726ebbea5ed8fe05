"""The Python client, blocking and for asyncio, before a real appliance."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Appliance
from tests.integration.clients.between import Between
from voiceprint_client import AsyncClient, Client

Say = Callable[..., Any]


def blocking(url: str, name: str, *args: Any, options: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    with Client(url, **options or {}) as client:
        return getattr(client, name)(*args, **kwargs)


def awaited(url: str, name: str, *args: Any, options: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    async def said() -> Any:
        async with AsyncClient(url, **options or {}) as client:
            return await getattr(client, name)(*args, **kwargs)

    return asyncio.run(said())


@pytest.fixture(params=[blocking, awaited], ids=["blocking", "awaited"])
def say(request: pytest.FixtureRequest) -> Say:
    """Calls a method of one of the clients: both do the same."""
    said: Say = request.param
    return said


@pytest.fixture
def between(appliance: Appliance) -> Iterator[Between]:
    """What stands between the client and the appliance."""
    with Between(appliance.url) as opened:
        yield opened
