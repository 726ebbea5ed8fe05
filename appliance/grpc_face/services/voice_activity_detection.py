"""`VoiceActivityDetection`: a recording of one channel in, where it is spoken out."""

from typing import Any

import grpc.aio
from phonexia.grpc.technologies.voice_activity_detection.v1 import voice_activity_detection_pb2 as pb
from phonexia.grpc.technologies.voice_activity_detection.v1 import voice_activity_detection_pb2_grpc as pb_grpc

from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import duration
from appliance.grpc_face.recordings import Listening, incoming
from appliance.grpc_face.services import Service

_LISTENING = Listening(technology="voice-activity-detection", parts=lambda message: (message.audio, None))


class VoiceActivityDetection(pb_grpc.VoiceActivityDetectionServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Detect(self, request_iterator: Any, context: Context) -> pb.DetectResponse:  # noqa: N802
        """As soon as the end of the time range has come, when the audio is raw."""
        async with incoming(self._calls, request_iterator) as arriving:
            found = await _LISTENING.heard(self._calls, arriving, context)
        return pb.DetectResponse(
            speech_length=duration(found["speech_length"]),
            segments=[
                pb.Segment(
                    type=pb.Segment.VOICE,
                    start_time=duration(segment["start_time"]),
                    end_time=duration(segment["end_time"]),
                )
                for segment in found["segments"]
            ],
            processed_audio_length=duration(found["processed_audio_length"]),
        )


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_VoiceActivityDetectionServicer_to_server(VoiceActivityDetection(calls), server)


SERVICE = Service("phonexia.grpc.technologies.voice_activity_detection.v1.VoiceActivityDetection", _add)
