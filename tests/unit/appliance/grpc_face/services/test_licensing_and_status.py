"""`Licensing` and `Status`, asked of the running appliance and of a server that stands alone."""

from importlib.metadata import version

import grpc
import grpc.aio
import pytest
from google.protobuf.json_format import MessageToDict
from phonexia.grpc.common import licensing_pb2, licensing_pb2_grpc, status_pb2, status_pb2_grpc

from tests.unit.appliance.grpc_face.conftest import Serving


async def licence(channel: grpc.aio.Channel) -> dict[str, object]:
    answer = await licensing_pb2_grpc.LicensingStub(channel).Info(licensing_pb2.LicensingInfoRequest())
    return MessageToDict(answer, preserving_proto_field_name=True)


async def status(channel: grpc.aio.Channel) -> dict[str, object]:
    answer = await status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest())
    return MessageToDict(answer, preserving_proto_field_name=True)


async def test_the_licence_is_valid_for_ever(channel: grpc.aio.Channel) -> None:
    """It is valid, has no date at which it would end, and names the model that is served."""
    told = await licence(channel)
    assert told["is_valid"] is True
    assert "valid_until" not in told
    assert told["technology_name"] == "speaker-identification"
    assert told["model_info"] == {"name": "ge2e", "version": "ge2e-2"}


async def test_the_limits_are_flags(serving: Serving) -> None:
    """Every limit that a client may meet is told, as it is configured, with its unit."""
    limits = {"single_file_upload_size": "2MB", "max_audio_length": 60.5, "input_storage_size": "1GiB"}
    async with serving(**limits) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        flags = (await licence(channel))["license_flags"]
    assert flags == {
        "license": "Apache-2.0",
        "expires": "never",
        "single_file_upload_size_bytes": "2000000",
        "single_file_upload_timeout_seconds": "120",
        "input_storage_size_bytes": "1073741824",
        "max_audio_length_seconds": "60.5",
    }


async def test_the_status_names_what_runs(channel: grpc.aio.Channel) -> None:
    """Name and version of the appliance and of its model, each printable by its proto name."""
    assert await status(channel) == {
        "name": "voiceprint-appliance",
        "version": version("voiceprint-appliance"),
        "technology_name": "speaker-identification",
        "model_info": {"name": "ge2e", "version": "ge2e-2"},
    }


async def test_without_a_worker_the_version_is_not_known(alone: grpc.aio.Channel) -> None:
    """The model that is configured is told all the same."""
    assert (await status(alone))["model_info"] == {"name": "ge2e"}


async def test_without_redis_it_says_so(serving: Serving) -> None:
    """UNAVAILABLE, and when to try again."""
    unreachable = {"redis_url": "redis://127.0.0.1:1"}
    async with serving(**unreachable) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await status(channel)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert dict(caught.value.trailing_metadata())["retry-after"]
