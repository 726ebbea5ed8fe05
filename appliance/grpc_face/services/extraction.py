"""`VoiceprintExtraction`: a recording of one channel in, its voiceprint out."""

from typing import Any

import grpc.aio
from phonexia.grpc.common.core_pb2 import Vector, Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import cap, duration
from appliance.grpc_face.recordings import Listening, incoming
from appliance.grpc_face.services import Service
from schemas import voiceprint


def _parameters(config: pb.ExtractConfig) -> dict[str, Any]:
    return {
        "max_speech_length": cap(config.speech_length, "config.speech_length"),
        "include_vector_voiceprint": config.enable_vector_voiceprint,
    }


_LISTENING = Listening(
    technology="speaker-identification-voiceprint-extraction",
    parts=lambda message: (message.audio, message.config if message.HasField("config") else None),
    parameters=_parameters,
)


class Extraction(pb_grpc.VoiceprintExtractionServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Extract(self, request_iterator: Any, context: Context) -> pb.ExtractResponse:  # noqa: N802
        """As soon as the speech that is asked for has come, when the audio is raw."""
        async with incoming(self._calls, request_iterator) as arriving:
            found = await _LISTENING.heard(self._calls, arriving, context)
        # Unset when it was not asked for, empty without speech.
        vector = found.get("vector_voiceprint")
        return pb.ExtractResponse(
            result=pb.ExtractResult(
                speech_length=duration(found["speech_length"]),
                voiceprint=Voiceprint(content=voiceprint.from_base64(found["voiceprint"])),
                vector_voiceprint=None if vector is None else Vector(values=vector),
            ),
            processed_audio_length=duration(found["processed_audio_length"]),
        )


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_VoiceprintExtractionServicer_to_server(Extraction(calls), server)


SERVICE = Service("phonexia.grpc.technologies.speaker_identification.v1.VoiceprintExtraction", _add)
