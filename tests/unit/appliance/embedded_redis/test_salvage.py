"""The salvage of an append-only file, on the files of every server that this machine has."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.embedded_redis import redis_server
from appliance.embedded_redis.redis_server import Binary, RedisServer
from appliance.embedded_redis.rescue import rescue
from appliance.embedded_redis.salvage import begins_with_snapshot, salvage
from schemas.task import TaskState
from tasks.files import LocalFileStore
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tests.patience import PATIENCE
from tests.unit.appliance.embedded_redis.test_redis_server import running
from tests.unit.tasks.made_tasks import RETENTION, claimed, done, submitted, with_files


@pytest.fixture
def server(binary: Binary, tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server.prepared(binary, tmp_path, "always") as prepared:
        yield prepared


@asynccontextmanager
async def opened(server: RedisServer) -> AsyncIterator[TaskStore]:
    """A store on the running server, which is killed in the end."""
    async with running(server):
        await redis_server.wait_until_ready(server.url, PATIENCE)
        async with TaskStore.open(server.url) as store:
            yield store


async def starts(server: RedisServer) -> bool:
    """Whether the server loads its files."""
    async with running(server) as process:
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(redis_server.wait_until_ready(server.url, PATIENCE))
        await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ready.cancel()
            return False
        await ready
        return True


def written(server: RedisServer) -> Path:
    """The file with the commands."""
    (path,) = (path for path in server.folder.rglob("*.aof") if path.stat().st_size and "base" not in path.name)
    return path


async def some_tasks(store: TaskStore) -> list[TaskRecord]:
    return [
        task
        for _ in range(5)
        for task in (await submitted(store), await claimed(store), await done(store, await claimed(store)))
    ]


async def agree(store: TaskStore, tasks: list[TaskRecord], files: LocalFileStore) -> int:
    """How many tasks are as they were, after the rescue. Every other is as it once was, or has ended as failed."""
    await rescue(store, files, retention=RETENTION)
    same = 0
    for task in tasks:
        found = await store.fetch(task.task_id)
        if found is None:
            assert task.state.terminal, "a task that had not ended was lost"
        elif found.state is TaskState.FAILED:
            assert found.error is not None
        else:
            assert (found.task_id, found.technology) == (task.task_id, task.technology)
            same += found == task
    return same


async def test_a_sound_file_is_left_alone(server: RedisServer) -> None:
    """Nothing is found in what Redis has written itself, before and after it was rewritten."""
    async with opened(server) as store:
        await some_tasks(store)
    assert salvage(server.folder) == []
    before = {path: path.read_bytes() for path in server.folder.rglob("*.aof*")}
    async with opened(server) as store:
        await store.redis.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call]
        while (await store.redis.info("persistence"))["aof_rewrite_in_progress"]:
            pass
        await some_tasks(store)
    assert salvage(server.folder) == []
    assert before
    assert not begins_with_snapshot(server.folder)


@pytest.mark.parametrize("seed", range(12))
async def test_a_flipped_bit_costs_one_task_at_most(server: RedisServer, tmp_path: Path, seed: int) -> None:
    """Wherever it is, Redis loads the file, if not as it is then as it was repaired, and all tasks but one are what
    they were; that one has ended as failed, or is what it was a moment before."""
    chance, files = random.Random(seed), LocalFileStore(tmp_path / "store")  # noqa: S311  # tests repeat
    async with opened(server) as store:
        tasks = await some_tasks(store)
        for task in tasks:
            if not task.state.terminal:
                await with_files(files, task)
    content = bytearray(written(server).read_bytes())
    # Where the commands are, not the text of the scripts.
    framing = [n for n, byte in enumerate(content) if byte in b"*$\r" and content.rfind(b"SCRIPT", n - 3000, n) < 0]
    content[chance.choice(framing) + chance.randrange(2)] ^= 1 << chance.randrange(8)
    written(server).write_bytes(content)
    if not await starts(server):
        assert salvage(server.folder)
        assert await starts(server)
        assert salvage(server.folder) == []
    async with opened(server) as store:
        assert await agree(store, tasks, files) >= len(tasks) - 1


async def test_nonsense_in_the_middle_is_left_out(server: RedisServer, tmp_path: Path) -> None:
    """A stretch of other bytes takes what it covers and nothing else, is told by its place, and stays beside."""
    async with opened(server) as store:
        before = await some_tasks(store)
    whole = written(server).read_bytes()
    async with opened(server) as store:
        after = await some_tasks(store)
    later = written(server).read_bytes()[len(whole) :]
    damaged = whole + b"\r\n*3\r\nnonsense\x00" * 500 + later
    written(server).write_bytes(damaged)
    assert not await starts(server)
    (repair,) = salvage(server.folder)
    assert repair.lost == ((len(whole), 500 * 15),)
    assert repair.aside.read_bytes() == damaged
    assert "7500 bytes at" in str(repair)
    async with opened(server) as store:
        assert await agree(store, before + after, LocalFileStore(tmp_path / "store")) == len(before + after)


async def test_a_value_that_looks_like_a_command_is_none(server: RedisServer) -> None:
    """Commands are read by the lengths that they tell; what a value holds stays a value."""
    evil = b"\r\n*3\r\n$3\r\nSET\r\n$20\r\nvoiceprint:task:evil!\r\n$4\r\nevil\r\n*1\r\n$4\r\nEXEC\r\n"
    async with opened(server) as store:
        await store.redis.set("voiceprint:task:good", evil)
        await store.redis.set("voiceprint:task:other", b"fine")
    written(server).write_bytes(written(server).read_bytes() + b"damage")
    assert salvage(server.folder)
    async with opened(server) as store:
        assert await store.redis.get("voiceprint:task:good") == evil
        assert sorted(await store.redis.keys()) == [b"voiceprint:task:good", b"voiceprint:task:other"]


@pytest.mark.parametrize(
    "command",
    [
        ("SET", "foreign", "x"),
        ("CONFIG", "SET", "dir", "/"),
        ("DEL", "voiceprint:open", "foreign"),
        ("HSET", "voiceprint:x"),
    ],
    ids=" ".join,
)
async def test_what_we_do_not_write_is_left_out(server: RedisServer, command: tuple[str, ...]) -> None:
    """Commands and keys that are none of ours, and commands that are too short for a server that trusts its file."""
    async with opened(server) as store:
        await some_tasks(store)
    words = b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in command)
    sound = written(server).read_bytes()
    written(server).write_bytes(sound + b"*%d\r\n" % len(command) + words)
    (repair,) = salvage(server.folder)
    assert repair.lost == ((len(sound), len(words) + 4),)
    assert await starts(server)


async def test_tasks_that_only_an_upload_tells_of_end_as_failed(store: TaskStore, tmp_path: Path) -> None:
    """Whoever was promised an end is told of one; what is known stays what it is."""
    files = LocalFileStore(tmp_path / "store")
    known, lost = await submitted(store), await submitted(store)
    for record in (known, lost):
        await with_files(files, record)
    await store.redis.delete(f"voiceprint:task:{lost.task_id}")
    await store.redis.zrem("voiceprint:open", lost.task_id)
    await rescue(store, files, retention=RETENTION)
    found = await store.fetch(lost.task_id)
    assert found is not None
    assert found.state is TaskState.FAILED
    assert await store.fetch(known.task_id) == known
    assert await store.redis.pttl(f"voiceprint:task:{lost.task_id}") > 0


async def test_behind_a_snapshot_it_is_repaired_all_the_same(server: RedisServer, tmp_path: Path) -> None:
    """A file that begins with a snapshot, as older versions wrote it, keeps that, and is repaired behind it."""
    async with running(server):
        await redis_server.wait_until_ready(server.url, PATIENCE)
        async with TaskStore.open(server.url) as store:
            await store.redis.config_set("aof-use-rdb-preamble", "yes")
            tasks = await some_tasks(store)
            await store.redis.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call]
            while (await store.redis.info("persistence"))["aof_rewrite_in_progress"]:
                pass
            tasks += await some_tasks(store)
    assert begins_with_snapshot(server.folder)
    written(server).write_bytes(written(server).read_bytes() + b"*damage")
    assert len(salvage(server.folder)) == 1
    async with opened(server) as store:
        assert await agree(store, tasks, LocalFileStore(tmp_path / "store")) == len(tasks)
