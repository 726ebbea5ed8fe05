"""`VoiceprintConversion`: voiceprints in, their vectors out, each message for itself."""

from collections.abc import AsyncIterator
from typing import Any, BinaryIO

import grpc.aio
from phonexia.grpc.common.core_pb2 import Vector
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.incoming import Incoming
from appliance.grpc_face.replies import shared_out
from appliance.grpc_face.services import Service
from appliance.grpc_face.voiceprints import of_voiceprints
from schemas.cells import BEGINNINGS
from schemas.errors import RequestInvalid
from schemas.technologies import speaker_identification_voiceprint_conversion as technology


class Conversion(pb_grpc.VoiceprintConversionServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Convert(self, request_iterator: Any, context: Context) -> AsyncIterator[pb.ConvertResponse]:  # noqa: N802
        """A response for each message as it comes, several only where one would be too long.

        Raises RequestInvalid for a call without a message.
        """
        name = technology.TECHNOLOGY.name
        async with Incoming(request_iterator) as arriving:
            if await arriving.first() is None:
                raise RequestInvalid("the call has no voiceprints: nothing came before its end")
            while (message := await arriving.next()) is not None:
                given = list(message.voiceprints)
                # What holds its room from here on is the list.
                del message
                answered = of_voiceprints(self._calls, name, context, given, _responses, beginnings=BEGINNINGS)
                for response in await answered:
                    yield response


def _responses(stored: BinaryIO) -> list[pb.ConvertResponse]:
    # Not by way of JSON: 50,000 vectors would be 150 MB of text.
    vectors = (Vector(values=vector) for vector in technology.unpack(stored))
    return [pb.ConvertResponse(vector_voiceprints=group) for group in shared_out(vectors)]


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_VoiceprintConversionServicer_to_server(Conversion(calls), server)


SERVICE = Service("phonexia.grpc.technologies.speaker_identification.v1.VoiceprintConversion", _add)
