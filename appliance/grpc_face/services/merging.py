"""`VoiceprintMerging`: several voiceprints of one speaker in, one that stands for all of them out."""

from typing import Any

import grpc.aio
from phonexia.grpc.common.core_pb2 import Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import duration, invalid
from appliance.grpc_face.services import Service
from appliance.grpc_face.tasks import rendered
from appliance.grpc_face.voiceprints import of_voiceprints
from schemas import voiceprint
from schemas.technologies import technologies

_NAME = "speaker-identification-voiceprint-merging"


class Merging(pb_grpc.VoiceprintMergingServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Merge(self, request: pb.MergeRequest, context: Any) -> pb.MergeResponse:  # noqa: N802
        """Raises ValidationError for fewer than two."""
        given = list(request.voiceprints)
        # What holds its room from here on is the list.
        del request
        if len(given) < 2:
            raise invalid("voiceprints", f"at least 2 are merged, there {'is 1' if given else 'are none'}")
        found = await of_voiceprints(self._calls, _NAME, context, given, rendered(technologies()[_NAME]))
        return pb.MergeResponse(
            speech_length=duration(found["speech_length"]),
            voiceprint=Voiceprint(content=voiceprint.from_base64(found["voiceprint"])),
        )


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_VoiceprintMergingServicer_to_server(Merging(calls), server)


SERVICE = Service("phonexia.grpc.technologies.speaker_identification.v1.VoiceprintMerging", _add)
