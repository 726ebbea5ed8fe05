"""`GenderIdentification`: a recording or voiceprints in, out how likely they are a man's or a woman's."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2 as pb
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2_grpc as pb_grpc

from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import duration
from appliance.grpc_face.services import Service
from appliance.grpc_face.traits import Trait


def _result(found: dict[str, Any]) -> pb.IdentifyResult:
    """The scores are unset without enough speech."""
    return pb.IdentifyResult(
        speech_length=duration(found["speech_length"]),
        score_male=_score(found["score_male"]),
        score_female=_score(found["score_female"]),
    )


def _score(found: dict[str, float] | None) -> pb.Score | None:
    return None if found is None else pb.Score(score_llr=found["score_llr"], probability=found["probability"])


_GENDER = Trait("gender-identification", _result, pb.IdentifyResponse)


class GenderIdentification(pb_grpc.GenderIdentificationServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Identify(self, request_iterator: Any, context: Context) -> AsyncIterator[pb.IdentifyResponse]:  # noqa: N802
        """One response for a recording, or one for every message of voiceprints."""
        async for response in _GENDER.told(self._calls, request_iterator, context):
            yield response


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_GenderIdentificationServicer_to_server(GenderIdentification(calls), server)


SERVICE = Service("phonexia.grpc.technologies.gender_identification.v1.GenderIdentification", _add)
