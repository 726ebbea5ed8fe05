"""Who may call, with real calls."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from phonexia.grpc.common import licensing_pb2, licensing_pb2_grpc, status_pb2, status_pb2_grpc
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.access.api_key import Scope
from schemas.errors import TaskInternalError
from schemas.task import TaskState
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tests.made_keys import FILE, made_keys, revoke
from tests.patience import eventually
from tests.unit.appliance.grpc_face.conftest import Serving
from tests.unit.appliance.grpc_face.made import voiceprints
from tests.unit.appliance.grpc_face.streams import content, each, extract_requests, status, taken
from tests.unit.tasks.made_tasks import RETENTION, claimed

Metadata = tuple[tuple[str, str | bytes], ...]


async def refused(server_port: int, metadata: Metadata) -> grpc.aio.AioRpcError:
    """How a question for the status is refused."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server_port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest(), metadata=metadata)
    return caught.value


async def asked(call: Any) -> tuple[grpc.StatusCode, str]:
    """Status and details of a call that may be answered."""
    return await call.code(), await call.details()


async def test_a_key_opens(serving: Serving, tmp_path: Path) -> None:
    """Each key opens, as a bearer token or as `x-api-key`."""
    first, second = made_keys(tmp_path, "first", "second")
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        for metadata in (
            (("authorization", f"Bearer {first}"),),
            (("authorization", f"bearer {second}"),),
            (("x-api-key", second), ("other-bin", b"\x00\xff")),
        ):
            stub = status_pb2_grpc.StatusStub(channel)
            answer = await stub.GetStatus(status_pb2.GetStatusRequest(), metadata=metadata)
            assert answer.name == "voiceprint-appliance"


@pytest.mark.parametrize(
    "metadata",
    [
        lambda _: (),
        lambda key: (("authorization", f"Bearer {key[:-1]}*"),),
        lambda _: (("authorization", "Bearer third"),),
        lambda _: (("x-api-key", ""),),
        lambda key: (("x-api-key", key.upper()),),
        lambda key: (("x-api-key-bin", key.encode()),),
    ],
)
async def test_without_a_key_it_is_closed(
    serving: Serving, tmp_path: Path, metadata: Callable[[str], Metadata]
) -> None:
    """No key and a wrong one are UNAUTHENTICATED, with how to send one, and without the one that was sent."""
    (key,) = made_keys(tmp_path, "caller")
    async with serving() as server:
        error = await refused(server.port, metadata(key))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "Authorization: Bearer <key>" in (error.details() or "")
    assert not {"third", key} & {*(error.details() or "").split()}
    assert dict(error.trailing_metadata())["error-type"] == "request.unauthorized"


async def test_keys_that_are_over_say_nothing_of_it(serving: Serving, tmp_path: Path) -> None:
    """A key that has expired and one that was revoked are refused in the words for one that never was; both count, so
    that the last one that goes does not open the door."""
    now = datetime.now(UTC)
    (expired,) = made_keys(tmp_path, "expired", expires=now - timedelta(seconds=1))
    (revoked,) = made_keys(tmp_path, "revoked")
    revoke(tmp_path, revoked, now)
    async with serving() as server:
        errors = [await refused(server.port, (("x-api-key", key),)) for key in (expired, revoked, "none", "")]
    assert {(error.code(), error.details()) for error in errors} == {(errors[-1].code(), errors[-1].details())}
    assert errors[0].code() is grpc.StatusCode.UNAUTHENTICATED


async def test_scopes_hold(serving: Serving, store: TaskStore, tmp_path: Path) -> None:
    """What a key is not for is PERMISSION_DENIED, and its name is said; so is a technology that is not its own."""
    (asking,) = made_keys(tmp_path, "asking", scopes=(Scope.SYSTEM,))
    (submitting,) = made_keys(tmp_path, "submitting", scopes=(Scope.SUBMIT,))
    (working,) = made_keys(tmp_path, "working", scopes=(Scope.SUBMIT, Scope.READ))
    (other,) = made_keys(tmp_path, "other", technologies=("voice-activity-detection",))
    given = pb.MergeRequest(voiceprints=voiceprints(2))
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        merging = pb_grpc.VoiceprintMergingStub(channel)
        licensing = licensing_pb2_grpc.LicensingStub(channel)
        told = {}
        for key in (asking, submitting, working, other):
            metadata = (("x-api-key", key),)
            told[key] = (
                await taken(merging.Merge(given, metadata=metadata), store),
                await asked(licensing.Info(licensing_pb2.LicensingInfoRequest(), metadata=metadata)),
            )
    denied, ok = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.OK
    assert [(work[0], question[0]) for work, question in told.values()] == [
        (denied, ok),
        (denied, denied),
        (ok, denied),
        (denied, ok),
    ]
    assert "'submit'" in told[asking][0][1]
    assert "'read'" in told[submitting][0][1]
    assert "'system'" in told[working][1][1]
    assert "speaker-identification-voiceprint-merging" in told[other][0][1]


async def test_streams_are_closed_as_well(serving: Serving, tmp_path: Path) -> None:
    """A streaming call is refused before it has sent anything."""
    (key,) = made_keys(tmp_path, "caller")
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        opened = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([question]), metadata=(("x-api-key", key),)
        )
        assert (await opened.read()).list_services_response.service


async def test_health_is_open(serving: Serving, tmp_path: Path) -> None:
    """Whoever balances load may ask for health, and watch it, without a key, even while no key can be checked."""
    made_keys(tmp_path, "caller")
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for _ in range(2):
            assert (await stub.Check(health_pb2.HealthCheckRequest())).status
            assert (await stub.Watch(health_pb2.HealthCheckRequest()).read()).status
            (tmp_path / FILE).write_text("{")


async def test_what_changes_in_the_file_holds_at_once(serving: Serving, tmp_path: Path) -> None:
    """The first key closes the door, a damaged file closes it for all, and a file that is whole opens it again."""
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = status_pb2_grpc.StatusStub(channel)
        assert await stub.GetStatus(status_pb2.GetStatusRequest())
        (key,) = made_keys(tmp_path, "caller")
        assert (await refused(server.port, ())).code() is grpc.StatusCode.UNAUTHENTICATED
        shown = (("x-api-key", key),)
        assert await stub.GetStatus(status_pb2.GetStatusRequest(), metadata=shown)
        whole = (tmp_path / FILE).read_bytes()
        (tmp_path / FILE).write_bytes(whole[:-20])
        for metadata in ((), shown):
            closed = await refused(server.port, metadata)
            assert closed.code() is grpc.StatusCode.UNAVAILABLE
            assert dict(closed.trailing_metadata())["retry-after"] == "10"
        (tmp_path / FILE).write_bytes(whole)
        assert await stub.GetStatus(status_pb2.GetStatusRequest(), metadata=shown)


async def test_a_key_that_is_revoked_meanwhile_gets_no_answer(
    serving: Serving, store: TaskStore, tmp_path: Path
) -> None:
    """A call that waits for its task ends as one without a key, and its task is gone."""
    (key,) = made_keys(tmp_path, "desk")
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = pb_grpc.VoiceprintExtractionStub(channel)
        asking = each(extract_requests(content("demo.flac")))
        call = stub.Extract(asking, metadata=(("x-api-key", key),))  # type: ignore[arg-type]

        async def come() -> list[TaskRecord]:
            return [record async for record in store.open_records()]

        found = await eventually(come)
        revoke(tmp_path, key, datetime.now(UTC))
        running = await claimed(store, found[0])
        failed = running.refused(TaskState.FAILED, TaskInternalError("it failed").body())
        assert await store.finish(running, failed, retention=RETENTION)
        assert (await status(call))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert await store.fetch(running.task_id) is None
