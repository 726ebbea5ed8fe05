"""A call is one task, which ends with it: cancelled, too late, cut off or answered."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from phonexia.grpc.common.core_pb2 import Audio, Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.grpc_face import incoming
from appliance.settings import Settings, child_environment
from schemas.errors import TaskInternalError
from schemas.task import TaskState
from tasks.store import TaskStore
from tasks.workforce import Workforce
from tests.patience import PATIENCE, eventually
from tests.unit.appliance.grpc_face.conftest import Serving
from tests.unit.appliance.grpc_face.made import voiceprints
from tests.unit.appliance.grpc_face.streams import (
    PCM16,
    content,
    each,
    extract_requests,
    extracted,
    folders,
    samples,
    seconds,
    status,
)
from tests.unit.tasks.made_tasks import RETENTION


async def counted(store: TaskStore, *, waiting: int = 0, running: int = 0) -> None:
    async def so() -> bool:
        depth = await Workforce(store).depth()
        return (depth.waiting, depth.running) == (waiting, running)

    await eventually(so)


async def nothing_left(store: TaskStore, data_dir: Path) -> None:
    """No task, no room taken, no file."""

    async def so() -> bool:
        depth = await Workforce(store).depth()
        records = [key async for key in store.redis.scan_iter("voiceprint:task:*")]
        return not (depth.waiting or depth.running or depth.input_bytes or records or folders(data_dir))

    await eventually(so)


@pytest.fixture
def worker(redis_url: str, models_dir: Path, tmp_path: Path) -> Iterator[None]:
    """A worker process behind the server of the test."""
    settings = Settings(
        redis_url=redis_url,  # type: ignore[arg-type]
        data_dir=tmp_path,
        store_dir=tmp_path / "store",
        models_dir=models_dir,
    )
    process = subprocess.Popen(
        [Path(sys.executable).with_name("voiceprint"), "worker"], env=child_environment(settings)
    )
    yield
    process.terminate()
    process.wait(PATIENCE)


def begin(channel: grpc.aio.Channel, requests: Any, **options: Any) -> Any:
    return pb_grpc.VoiceprintExtractionStub(channel).Extract(requests, **options)


def demo() -> Any:
    return each(extract_requests(content("demo.flac")))


async def test_a_cancelled_call_takes_back_a_task_that_waits(
    alone: grpc.aio.Channel, store: TaskStore, tmp_path: Path
) -> None:
    """Its recording goes with it."""
    call = begin(alone, demo())
    await counted(store, waiting=1)
    call.cancel()
    await nothing_left(store, tmp_path)


@pytest.mark.usefixtures("worker")
async def test_a_cancelled_call_takes_back_a_task_that_runs(
    alone: grpc.aio.Channel, store: TaskStore, tmp_path: Path
) -> None:
    """The worker stops, and is there for others."""
    hour = np.tile(samples("demo.flac"), 650).astype("<i2").tobytes()
    call = begin(alone, each(extract_requests(hour, size=1 << 20, raw=PCM16)))
    await counted(store, running=1)
    call.cancel()
    await nothing_left(store, tmp_path)
    assert (await extracted(alone, extract_requests(content("demo.flac")))).result.voiceprint.content
    await nothing_left(store, tmp_path)


async def test_a_call_that_is_late_takes_its_task_back(
    alone: grpc.aio.Channel, store: TaskStore, tmp_path: Path
) -> None:
    """Nobody waits for it any more."""
    code, _ = await status(begin(alone, demo(), timeout=0.5))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    await nothing_left(store, tmp_path)


async def test_a_connection_that_breaks_takes_its_tasks_back(
    serving: Serving, store: TaskStore, tmp_path: Path
) -> None:
    """All of them."""
    async with serving() as server:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            calls = [begin(channel, demo()) for _ in range(3)]
            await counted(store, waiting=3)
        await nothing_left(store, tmp_path)
    assert all(call.cancelled() for call in calls)


async def test_no_moment_is_wrong_for_a_connection_to_break(serving: Serving, store: TaskStore, tmp_path: Path) -> None:
    """Redis's own client loses a cancellation now and then, one that comes while it reads an answer."""
    async with serving() as server:
        for burst in range(40):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                calls = [begin(channel, demo()) for _ in range(3)]
                if burst % 2:
                    await counted(store, waiting=3)
                else:
                    await asyncio.sleep(burst / 2000)
        await nothing_left(store, tmp_path)
    assert all(call.cancelled() for call in calls)


async def endless(event: asyncio.Event) -> AsyncIterator[pb.ExtractRequest]:
    # So much that it has a file before its end.
    for request in extract_requests(content("demo.flac") + bytes(1 << 21), size=100_000):
        yield request
    await event.wait()


async def test_an_upload_that_is_cancelled_leaves_nothing(
    alone: grpc.aio.Channel, store: TaskStore, tmp_path: Path
) -> None:
    """Nothing was submitted yet."""
    call = begin(alone, endless(asyncio.Event()))

    async def begun() -> bool:
        return bool(folders(tmp_path))

    await eventually(begun)
    call.cancel()
    await nothing_left(store, tmp_path)


async def test_an_upload_that_stands_still_is_refused(
    alone: grpc.aio.Channel, store: TaskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, whether something came or nothing at all."""
    monkeypatch.setattr(incoming, "STALL_SECONDS", 0.3)

    async def nothing() -> AsyncIterator[pb.ExtractRequest]:
        await asyncio.Event().wait()
        yield pb.ExtractRequest()

    for requests in (endless(asyncio.Event()), nothing()):
        code, message = await status(begin(alone, requests))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "stood still" in message
    await nothing_left(store, tmp_path)


async def test_a_server_that_stops_says_so(serving: Serving, store: TaskStore, tmp_path: Path) -> None:
    """To whoever waits for a task, which is taken back."""
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = begin(channel, demo())
        await counted(store, waiting=1)
        await server.stop(0.2)
        code, message = await status(call)
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "about to stop" in message
        await nothing_left(store, tmp_path)


@pytest.mark.usefixtures("worker")
async def test_every_fault_of_many_is_counted(alone: grpc.aio.Channel) -> None:
    """The reasons of a refusal that is too long for a record, and for a message, are told as far as they fit."""
    (good,) = voiceprints(1)
    torn = Voiceprint(content=good.content[:-1])
    stub = pb_grpc.VoiceprintConversionStub(alone)
    requests = each([pb.ConvertRequest(voiceprints=[torn] * 5000)])
    code, message = await status(stub.Convert(requests, timeout=PATIENCE))  # type: ignore[arg-type]
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "voiceprints.0: the voiceprint has 1334 bytes of 1335" in message
    assert "and 4997 more" in message
    assert len(message) <= 1000


async def test_a_task_that_fails_is_our_fault(alone: grpc.aio.Channel, store: TaskStore, tmp_path: Path) -> None:
    """As over REST it may succeed when it is repeated, which the status says."""
    call = begin(alone, demo())
    await counted(store, waiting=1)
    (record,) = [record async for record in store.open_records()]
    failed = record.refused(TaskState.FAILED, TaskInternalError("a worker died of it").body())
    assert await store.finish(record, failed, retention=RETENTION)
    assert await status(call) == (grpc.StatusCode.INTERNAL, "a worker died of it")
    await nothing_left(store, tmp_path)


@pytest.mark.usefixtures("worker")
async def test_many_calls_at_one_time(alone: grpc.aio.Channel, store: TaskStore, tmp_path: Path) -> None:
    """Each has its own answer."""
    given = voiceprints(20)

    async def converted(index: int) -> int:
        requests = [pb.ConvertRequest(voiceprints=given[: index + 1])] * 2
        call: Any = pb_grpc.VoiceprintConversionStub(alone).Convert(each(requests), timeout=PATIENCE)  # type: ignore[arg-type]
        counts = [len(response.vector_voiceprints) async for response in call]
        assert counts == [index + 1] * 2
        return counts[0]

    assert await asyncio.gather(*map(converted, range(20))) == list(range(1, 21))
    await nothing_left(store, tmp_path)


@pytest.mark.usefixtures("worker")
async def test_a_cap_is_met_at_the_end_where_nothing_can_listen(serving: Serving, tmp_path: Path) -> None:
    """The server works without the network that finds speech; its worker has one."""
    config = pb.ExtractConfig(speech_length=seconds(2.0))
    requests = extract_requests(samples("demo.flac").tobytes(), raw=PCM16, config=config)
    async with (
        serving(models_dir=tmp_path / "none") as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        response = await extracted(channel, requests)
    assert response.result.speech_length == seconds(2.0)


async def test_the_room_for_uploads_is_that_of_rest(serving: Serving) -> None:
    """A recording for which there is none is refused while it comes."""
    async with (
        serving(input_storage_size=100_000) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        requests = [pb.ExtractRequest(audio=Audio(content=bytes(60_000)))] * 3
        code, message = await status(begin(channel, each(requests)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "input storage" in message
