"""`VoiceprintComparison`: two lists of voiceprints in, a score for every pair out. Rows are of a, columns of b."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, BinaryIO

import grpc.aio
from phonexia.grpc.common.core_pb2 import Matrix
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.grpc_face.around import Context
from appliance.grpc_face.callers import caller
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import invalid
from appliance.grpc_face.incoming import Incoming
from appliance.grpc_face.replies import REPLY_BYTES
from appliance.grpc_face.services import Service
from appliance.grpc_face.tasks import performed
from appliance.grpc_face.voiceprints import VoiceprintList, waiting_list, write_document
from appliance.intake import Arrival
from schemas.errors import StorageFull, TooLarge
from schemas.technologies import speaker_identification_voiceprint_comparison as technology

_REPLY_VALUES = REPLY_BYTES // 4


class Comparison(pb_grpc.VoiceprintComparisonServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Compare(self, request_iterator: Any, context: Context) -> AsyncIterator[pb.CompareResponse]:  # noqa: N802
        """Both lists are gathered whole, in messages of any size; then come the scores, the first response with their
        counts, and one response for a single pair."""
        settings = self._calls.settings

        async def fill(arrival: Arrival) -> None:
            async with AsyncExitStack() as stack:
                a, b = [
                    await stack.enter_async_context(waiting_list(f"voiceprints_{side}", settings.store))
                    for side in "ab"
                ]
                await self._gather(arriving, a, b)
                await write_document(arrival, (a, b))

        async with Incoming(request_iterator, seconds=settings.single_file_upload_timeout) as arriving:
            by = caller(context)
            for response in await performed(self._calls, technology.TECHNOLOGY, by, fill, _responses):
                yield response

    async def _gather(self, arriving: Incoming[Any], a: VoiceprintList, b: VoiceprintList) -> None:
        """Raises ValidationError, TooLarge or StorageFull as soon as it is clear that they cannot be compared."""
        settings = self._calls.settings
        most_bytes = int(settings.single_file_upload_size)
        while (message := await arriving.next()) is not None:
            await a.add(message.voiceprints_a)
            await b.add(message.voiceprints_b)
            if a.count * b.count > technology.MAXIMUM_SCORES:
                raise invalid(
                    "voiceprints_a", f"more than {technology.MAXIMUM_SCORES} pairs are not compared in one call"
                )
            if a.size + b.size > most_bytes:
                raise TooLarge(f"the voiceprints are larger than the limit of {most_bytes} bytes in Base64")
            # What waits in files of no name is counted nowhere else.
            if self._calls.files.free_space() < settings.minimum_free_space:
                raise StorageFull("the disk has no more room for these voiceprints: what is left is kept in reserve")
        for name, one in (("voiceprints_a", a), ("voiceprints_b", b)):
            if not one.count:
                raise invalid(name, "there are none, and both lists need at least one")


def _responses(stored: BinaryIO) -> list[pb.CompareResponse]:
    # The stored rows are of b, as REST has them.
    scores = technology.unpack(stored).T
    rows, columns = scores.shape
    values = scores.ravel()
    parts = [values[at : at + _REPLY_VALUES] for at in range(0, len(values), _REPLY_VALUES)]
    counts = [{"rows_count": rows, "columns_count": columns}] + [{}] * (len(parts) - 1)
    return [
        pb.CompareResponse(scores=Matrix(values=part.tolist(), **count))
        for part, count in zip(parts, counts, strict=True)
    ]


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_VoiceprintComparisonServicer_to_server(Comparison(calls), server)


SERVICE = Service("phonexia.grpc.technologies.speaker_identification.v1.VoiceprintComparison", _add)
