"""`AgeEstimation`: a recording or voiceprints in, the age of their speaker out."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from phonexia.grpc.technologies.age_estimation.v1 import age_estimation_pb2 as pb
from phonexia.grpc.technologies.age_estimation.v1 import age_estimation_pb2_grpc as pb_grpc

from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import duration
from appliance.grpc_face.services import Service
from appliance.grpc_face.traits import Trait


def _result(found: dict[str, Any]) -> pb.EstimateResult:
    """The age is unset without enough speech."""
    return pb.EstimateResult(speech_length=duration(found["speech_length"]), age=found["age"])


_AGE = Trait("age-estimation", _result, pb.EstimateResponse)


class AgeEstimation(pb_grpc.AgeEstimationServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Estimate(self, request_iterator: Any, context: Context) -> AsyncIterator[pb.EstimateResponse]:  # noqa: N802
        """One response for a recording, or one for every message of voiceprints."""
        async for response in _AGE.told(self._calls, request_iterator, context):
            yield response


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    pb_grpc.add_AgeEstimationServicer_to_server(AgeEstimation(calls), server)


SERVICE = Service("phonexia.grpc.technologies.age_estimation.v1.AgeEstimation", _add)
