"""The servers that tests of the embedded Redis are run with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.embedded_redis import redis_server
from appliance.embedded_redis.redis_server import Binary
from onnx_models import registry


def _servers() -> Iterator[Path]:
    yield from (Path(path) for path in map(shutil.which, ("redis-server", "valkey-server")) if path)
    bundled = redis_server.bundled_path(registry.default_models_dir())
    if bundled.is_file():
        yield bundled


@pytest.fixture(params=_servers(), ids=lambda path: path.name)
def binary(request: pytest.FixtureRequest) -> Binary:
    """Each server that is here: those on PATH, and the bundled one where it is installed."""
    path: Path = request.param
    return Binary(path, redis_server.version(path), bundled=path.name == "redis-server-6.2.14")
