"""How long a task waits for another worker when its own is killed.

    python -m benchmarks.recovery RECORDING [--times 20] [--workers 3] [--busy 1] [--supervised]

As many workers as are `--busy` have a task each; each time one of these is killed with SIGKILL, and it is measured
until another has claimed its task. With `--supervised` the workers belong to `voiceprint up`, else each runs for
itself. A kill waits until what was killed before is replaced, and the supervisor's spare has opened everything.
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from appliance.embedded_redis import redis_server
from appliance.settings import Settings, child_environment
from tasks.erasing import erase
from tasks.files import LocalFileStore
from tasks.record import TaskRecord, now_ms
from tasks.store import TaskStore, new_worker_name
from tasks.workforce import Workforce

_TECHNOLOGY = "speaker-identification-voiceprint-extraction"
_COMMAND = [sys.executable, "-m", "appliance"]
_PATIENCE_SECONDS = 120.0
# A spare that has spent no processor time for so long has nothing left to open.
_REST_SECONDS = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="long enough to be interrupted: some minutes of speech")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--busy", type=int, default=1)
    parser.add_argument("--supervised", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        settings = Settings(http_port=0, grpc="off", data_dir=Path(folder), workers=options.workers)
        start = stack.enter_context((_supervised if options.supervised else _alone)(settings))
        seconds = asyncio.run(
            _measured(settings, start, [options.recording.read_bytes()] * options.busy, options.times)
        )
    print(
        f"{'supervised' if options.supervised else 'alone'}, {options.workers} workers, {options.busy} busy: "
        f"{len(seconds)} kills, until another worker has the task: "
        f"median {statistics.median(seconds):.3f} s, max {max(seconds):.3f} s"
    )


@contextmanager
def _supervised(settings: Settings) -> Iterator[list[str]]:
    words = [*_COMMAND, "up"]
    with subprocess.Popen(words, env=child_environment(settings), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            next(process.stdout or iter(()))
            yield []
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def _alone(settings: Settings) -> Iterator[list[str]]:
    """Yields how to start a worker in place of one that was killed."""
    with redis_server.prepared(redis_server.find(settings.models), settings.data_dir, "always") as server:
        redis = subprocess.Popen(server.launch().command, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
        try:
            yield [server.url]
        finally:
            redis.kill()
            redis.wait(20)


async def _measured(settings: Settings, alone: list[str], recordings: Sequence[bytes], times: int) -> list[float]:
    url = f"unix://{settings.data_dir}/redis/redis.sock"
    workers: list[subprocess.Popen[bytes]] = []
    seconds = []
    try:
        async with TaskStore.open(url) as store:
            workforce = Workforce(store)
            for _ in range(times):
                workers = [worker for worker in workers if worker.poll() is None]
                while alone and len(workers) < (settings.workers or 0):
                    workers.append(_worker(settings, url))
                while len((await workforce.depth()).workers) < (settings.workers or 0):  # noqa: ASYNC110  # other processes
                    await asyncio.sleep(0.1)
                while not (alone or await _spare_rests(settings)):
                    pass
                seconds.append(await _once(store, LocalFileStore(settings.store), recordings))
                print(f"{seconds[-1]:.3f} s", file=sys.stderr)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(20)
    return seconds


def _worker(settings: Settings, url: str) -> "subprocess.Popen[bytes]":
    words = [*_COMMAND, "worker", "--name", new_worker_name()]
    return subprocess.Popen(words, env=child_environment(settings, VOICEPRINT_REDIS_URL=url))  # noqa: S603  # our own


async def _once(store: TaskStore, files: LocalFileStore, recordings: Sequence[bytes]) -> float:
    tasks = [await _submitted(store, files, recording) for recording in recordings]
    running, *_ = [await _claimed(store, task_id, 1) for task_id in tasks]
    # At any moment of its heartbeat.
    await asyncio.sleep((uuid.uuid4().int % 400) / 1000)
    os.kill(_process(running.worker), signal.SIGKILL)
    killed = time.monotonic()
    await _claimed(store, running.task_id, 2)
    taken = time.monotonic() - killed
    for task_id in tasks:
        await erase(store, files, task_id)
    return taken


async def _submitted(store: TaskStore, files: LocalFileStore, recording: bytes) -> str:
    """The id of a new task."""
    record = TaskRecord(str(uuid.uuid4()), _TECHNOLOGY, now_ms())
    async with files.upload(record.task_id) as upload:
        await upload.write(recording)
    record = replace(record, input_bytes=upload.size, input_sha256=upload.sha256)
    await store.submit(record, max_open=10, max_input_bytes=1 << 30)
    return record.task_id


async def _claimed(store: TaskStore, task_id: str, attempt: int) -> TaskRecord:
    end = time.monotonic() + _PATIENCE_SECONDS
    while (record := await store.fetch(task_id)) is None or record.attempt < attempt:
        if time.monotonic() > end or (record and record.state.terminal):
            raise SystemExit(f"nobody has claimed the task; is the recording too short? {record}")
        await asyncio.sleep(0.002)
    return record


async def _spare_rests(settings: Settings) -> bool:
    """Whether the newest process that was started as a spare has done nothing for a while."""
    before = _newest_spare(settings)
    await asyncio.sleep(_REST_SECONDS)
    return before is not None and before == _newest_spare(settings)


def _newest_spare(settings: Settings) -> tuple[int, int, int] | None:
    """When it was started, its id, and the processor time that it has spent."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = str(settings.data_dir).encode() in (folder / "environ").read_bytes()
            if ours and b"--standby-fd" in (folder / "cmdline").read_bytes().split(b"\0"):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                found.append((int(fields[19]), int(folder.name), int(fields[11]) + int(fields[12])))
        except OSError:
            continue
    return max(found, default=None)


def _process(worker: str) -> int:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if worker.encode() in words and b"worker" in words:
            return int(folder.name)
    raise SystemExit(f"there is no process of {worker}")


if __name__ == "__main__":
    main()
