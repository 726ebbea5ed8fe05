"""What clients send: recordings in chunks, encoded and raw, as messages of each service."""

from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
import httpx
import numpy as np
import numpy.typing as npt
import soundfile
from google.protobuf.duration_pb2 import Duration
from phonexia.grpc.common.core_pb2 import Audio, RawAudioConfig, TimeRange
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from tasks.store import TaskStore
from tasks.workforce import Workforce
from tests.conftest import API, RECORDINGS, ended
from tests.patience import PATIENCE, eventually

# As the published clients cut.
CHUNK_BYTES = 100 * 1024
PCM16 = RawAudioConfig(encoding=RawAudioConfig.PCM16, sample_rate_hertz=16_000, channels=1)

_M = TypeVar("_M")


def content(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


def samples(name: str) -> npt.NDArray[np.int16]:
    """A recording of one channel at 16 kHz."""
    found, rate = soundfile.read(RECORDINGS / name, dtype="int16")
    assert rate == 16_000
    assert found.ndim == 1
    return found  # type: ignore[no-any-return]


def chunks(data: bytes, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def seconds(value: float) -> Duration:
    return Duration(seconds=int(value), nanos=round((value - int(value)) * 1e9))


def time_range(start: float | None = None, end: float | None = None) -> TimeRange:
    """As the published clients make it: a message even where nothing is set."""
    return TimeRange(start=None if start is None else seconds(start), end=None if end is None else seconds(end))


def extract_requests(
    data: bytes,
    *,
    size: int = CHUNK_BYTES,
    raw: RawAudioConfig | None = None,
    within: TimeRange | None = None,
    config: pb.ExtractConfig | None = None,
) -> Iterator[pb.ExtractRequest]:
    """As the published clients send it: range and raw format in the first message, the config in every one."""
    within = within or TimeRange()
    for chunk in chunks(data, size):
        audio = Audio(content=chunk, time_range=within, raw_audio_config=raw)
        yield pb.ExtractRequest(audio=audio, config=config or pb.ExtractConfig())
        within = raw = None


async def extracted(channel: grpc.aio.Channel, requests: Iterable[pb.ExtractRequest]) -> pb.ExtractResponse:
    stub = pb_grpc.VoiceprintExtractionStub(channel)
    return await stub.Extract(each(requests), timeout=PATIENCE)  # type: ignore[misc,no-any-return,arg-type]


async def each(items: Iterable[_M]) -> AsyncIterator[_M]:
    for item in items:
        yield item


async def all_of(call: Any) -> list[Any]:
    return [response async for response in call]


async def status(call: Any) -> tuple[grpc.StatusCode, str]:
    """How a call is refused: of a stream or of one response."""
    try:
        answer = await (all_of(call) if hasattr(call, "__aiter__") else call)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError(f"the call was answered: {answer}")


async def taken(call: Any, store: TaskStore) -> tuple[grpc.StatusCode, str]:
    """OK when the task of a call was taken, which then waits, since nobody works; else how the call is refused."""

    async def decided() -> bool:
        return call.done() or bool((await Workforce(store).depth()).waiting)

    await eventually(decided)
    if call.done():
        return await status(call)
    call.cancel()

    async def forgotten() -> bool:
        return not (await Workforce(store).depth()).waiting

    await eventually(forgotten)
    return grpc.StatusCode.OK, ""


def folders(data_dir: Path) -> list[Path]:
    """Every file that calls have left in the store."""
    return [path for path in (data_dir / "store").rglob("*") if path.is_file()]


def over_rest(client: httpx.Client, technology: str, data: bytes, **query: object) -> dict[str, Any]:
    """What REST says of the one channel of a recording."""
    answer = client.post(f"{API}/{technology}", files={"file": data}, params=query)  # type: ignore[arg-type]
    (channel,) = ended(client, answer.headers["Location"])["result"]["channels"]  # type: ignore[index]
    return channel  # type: ignore[no-any-return]
