"""Which Redis a command finds."""

from pathlib import Path

import pytest

from appliance.backup.reaching import reached
from appliance.embedded_redis import redis_server
from appliance.settings import Settings
from tests.own_redis import started


@pytest.mark.parametrize("name", ["short", "a-folder-with-quite-a-long-name/" * 4], ids=["short", "long"])
async def test_the_one_that_runs(models_dir: Path, tmp_path: Path, name: str) -> None:
    """While no server runs, one of the command's own is started on the data folder, whose name may be too long for a
    socket, and ends with the command."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    settings = Settings(data_dir=folder, models_dir=models_dir)
    assert redis_server.running_url(folder) is None
    async with reached(settings) as redis:
        await redis.set("here", "I am")
    assert redis_server.running_url(folder) is None
    async with reached(settings) as redis:
        assert await redis.get("here") == b"I am"
        assert redis_server.running_url(folder) is not None


def test_it_is_the_same(models_dir: Path, tmp_path: Path) -> None:
    """A server that was started by another process is reached where it listens."""
    folder = tmp_path / ("a-folder-with-quite-a-long-name" * 4)
    folder.mkdir()
    with started(models_dir, folder) as server:
        assert redis_server.running_url(folder) == server.url
    assert not (folder / "redis" / "redis.sock").is_symlink()
