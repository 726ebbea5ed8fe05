"""`SpeakerDiarization`: who speaks when, which this appliance cannot tell yet."""

from typing import Any, NoReturn

import grpc.aio
from phonexia.grpc.technologies.speaker_diarization.v1 import speaker_diarization_pb2 as pb
from phonexia.grpc.technologies.speaker_diarization.v1 import speaker_diarization_pb2_grpc as pb_grpc

from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import invalid
from appliance.grpc_face.recordings import incoming
from appliance.grpc_face.services import Service
from schemas.errors import RequestInvalid, Unavailable
from schemas.technologies import technologies


class SpeakerDiarization(pb_grpc.SpeakerDiarizationServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Diarize(self, request_iterator: Any, context: Context) -> NoReturn:  # noqa: ARG002, N802
        """Raises ValidationError for what no appliance could do, and else Unavailable, before the audio is read."""
        async with incoming(self._calls, request_iterator) as arriving:
            first = await arriving.first()
            if first is None:
                raise RequestInvalid("the call has no audio: nothing came before its end")
            _require_sense(first.config)
            raise Unavailable(technologies()["speaker-diarization"].missing or "")


def _require_sense(config: pb.DiarizeConfig) -> None:
    given = {field.name: value for field, value in config.ListFields()}
    for name, value in given.items():
        if value <= 0:
            raise invalid(f"config.{name}", f"must be greater than 0, not {value}")
    if len(given) > 1:
        raise invalid("config", "max_speakers and total_speakers exclude each other: give one of them")


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_SpeakerDiarizationServicer_to_server(SpeakerDiarization(calls), server)


SERVICE = Service("phonexia.grpc.technologies.speaker_diarization.v1.SpeakerDiarization", _add)
