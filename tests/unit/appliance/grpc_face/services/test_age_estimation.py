"""`Estimate`: not possible without a head, and what it answers with one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.age_estimation.v1 import age_estimation_pb2 as pb
from phonexia.grpc.technologies.age_estimation.v1 import age_estimation_pb2_grpc as pb_grpc

from tests.conftest import Appliance
from tests.integration.models_folder import with_networks_of
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.made import silent, voiceprints
from tests.unit.appliance.grpc_face.streams import PCM16, all_of, content, each, seconds, status
from tests.unit.onnx_models.heads.made_heads import constant, write_head


def estimate(channel: grpc.aio.Channel, requests: Any) -> Any:
    given = requests if hasattr(requests, "__aiter__") else each(requests)
    return pb_grpc.AgeEstimationStub(channel).Estimate(given, timeout=PATIENCE)  # type: ignore[arg-type]


async def unfinished() -> AsyncIterator[pb.EstimateRequest]:
    yield pb.EstimateRequest(audio=Audio(content=content("demo.flac")[:1000]))
    await asyncio.Event().wait()


async def test_it_is_not_implemented_without_a_head(channel: grpc.aio.Channel) -> None:
    """Which is told before the recording has come, and says what is missing."""
    for requests in (unfinished(), [pb.EstimateRequest(voiceprints=voiceprints(1))]):
        code, message = await status(estimate(channel, requests))
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert "voiceprint heads add" in message


async def test_ages(start_appliance: Callable[..., Appliance], models_dir: Path, tmp_path: Path) -> None:
    """Whole years with a head, unset without speech, of recordings and of voiceprints."""
    models = with_networks_of(models_dir, tmp_path / "models")
    write_head(models / "heads", constant(41.6), name="age-made")
    started = start_appliance(models_dir=models, grpc_port=0)
    silence = Audio(content=np.zeros(16_000, "<i2").tobytes(), raw_audio_config=PCM16)
    async with grpc.aio.insecure_channel(started.grpc) as channel:
        (heard,) = await all_of(estimate(channel, [pb.EstimateRequest(audio=Audio(content=content("demo.flac")))]))
        (quiet,) = await all_of(estimate(channel, [pb.EstimateRequest(audio=silence)]))
        (given,) = await all_of(estimate(channel, [pb.EstimateRequest(voiceprints=[*voiceprints(1), silent()])]))
    assert [one.age for one in heard.results] == [42]
    assert heard.processed_audio_length == seconds(5.4948125)
    assert [one.HasField("age") for one in quiet.results] == [False]
    assert [(one.HasField("age"), one.age) for one in given.results] == [(True, 42), (False, 0)]
