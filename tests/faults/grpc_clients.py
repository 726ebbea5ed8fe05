"""Clients over gRPC: a call is a task that is answered or not, and a status says which."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import grpc
import grpc.aio
from phonexia.grpc.common.core_pb2 import Audio, Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from schemas.signatures import Signatures
from tests.faults.history import History
from tests.faults.requests import Request, Requests, digest, undated

_TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = 0.05
_CHUNK_BYTES = 50_000
# After a broken connection it would wait for up to two minutes before it tries again.
_OPTIONS = [("grpc.max_reconnect_backoff_ms", 500), ("grpc.initial_reconnect_backoff_ms", 100)]


@dataclass(frozen=True, slots=True)
class GrpcClients:
    """`many` clients of the server at `address`, that convert, compare and extract until it is enough."""

    address: str
    requests: Requests
    history: History
    random: Random
    enough: Callable[[], bool]
    many: int = 2

    async def run(self) -> None:
        async with grpc.aio.insecure_channel(self.address, options=_OPTIONS) as channel:
            await asyncio.gather(*(self._client(channel) for _ in range(self.many)))

    async def all_once(self) -> None:
        """Every call that clients make, undisturbed."""
        async with grpc.aio.insecure_channel(self.address, options=_OPTIONS) as channel:
            for name in self._names():
                await self._call(channel, name)

    async def cut_extraction(
        self, address: str, request: Request, share: float, cut: Callable[[], Awaitable[None]]
    ) -> None:
        """Sends so large a `share` of a recording to `address`, then awaits `cut`, which ends the call.

        Raises AioRpcError, which nobody is told of, or asyncio.InvalidStateError where it ended before.
        """
        size = round(share * len(request.file))

        async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
            # Its types want an iterator, where it also takes what is written later.
            stub: Any = pb_grpc.VoiceprintExtractionStub(channel)
            call = stub.Extract(timeout=_TIMEOUT_SECONDS, metadata=self._metadata())
            await call.wait_for_connection()
            for at in range(0, size, _CHUNK_BYTES):
                piece = request.file[at : min(at + _CHUNK_BYTES, size)]
                await call.write(pb.ExtractRequest(audio=Audio(content=piece)))
            if size == len(request.file):
                await call.done_writing()
            await cut()
            await call

    def _names(self) -> list[str]:
        kinds = ("conversion", "merging", "extraction")
        return [request.name for kind in kinds for request in self.requests.of_kind(kind)[:20]]

    async def _client(self, channel: grpc.aio.Channel) -> None:
        names = self._names()
        while not self.enough():
            if not await self._call(channel, self.random.choice(names)):
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _call(self, channel: grpc.aio.Channel, name: str) -> bool:
        """Whether it was answered."""
        asked, signatures = self.history.now(), self.requests.configuration.signatures
        try:
            answer = b"".join([_undated(message, signatures) async for message in self._answers(channel, name)])
        except grpc.aio.AioRpcError as error:
            why = f"{error.code().name}: {error.details()}"
            self.history.note("uncalled", request=f"grpc {name}", status=error.code().name, why=why[:200])
            return False
        self.history.note("answered", request=f"grpc {name}", asked=asked, digest=digest(answer))
        return True

    async def _answers(self, channel: grpc.aio.Channel, name: str) -> AsyncIterator[Any]:
        request = self.requests.by_name[name]
        given = [Voiceprint(content=one) for one in request.voiceprints]
        deadline, caller = _TIMEOUT_SECONDS, self._metadata()
        match request.kind:
            case "conversion":
                converted = iter([pb.ConvertRequest(voiceprints=given)])
                calls = pb_grpc.VoiceprintConversionStub(channel).Convert(converted, timeout=deadline, metadata=caller)
                async for message in calls:
                    yield message
            case "merging":
                merged = pb.MergeRequest(voiceprints=given)
                yield await pb_grpc.VoiceprintMergingStub(channel).Merge(merged, timeout=deadline, metadata=caller)
            case _:
                pieces = range(0, len(request.file), _CHUNK_BYTES)
                sent = [pb.ExtractRequest(audio=Audio(content=request.file[at : at + _CHUNK_BYTES])) for at in pieces]
                yield await pb_grpc.VoiceprintExtractionStub(channel).Extract(
                    iter(sent), timeout=deadline, metadata=caller
                )

    def _metadata(self) -> list[tuple[str, str]]:
        owner = self.random.choice(self.requests.configuration.owners)
        return [("x-api-key", owner)] if owner else []


def _undated(message: Any, signatures: Signatures) -> bytes:
    """Its bytes without the times in its voiceprints."""
    found = getattr(getattr(message, "result", message), "voiceprint", None)
    if found is not None:
        found.content = undated(found.content, signatures)
    return bytes(message.SerializeToString(deterministic=True))
