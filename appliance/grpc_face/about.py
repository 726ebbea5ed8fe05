"""What the appliance says of itself over gRPC."""

from phonexia.grpc.common import licensing_pb2

from appliance import reports
from appliance.grpc_face.calls import Calls

TECHNOLOGY_NAME = "speaker-identification"


async def model_info(calls: Calls) -> licensing_pb2.ModelInfo:
    """The default model; its version is its embedding space, since voiceprints of one space may be compared.

    The version is empty while no worker lives that could tell it. Raises Overloaded while Redis cannot be reached.
    """
    name = calls.settings.model
    spaces = (model["space"] for model in await reports.models(calls.workforce) if model["name"] == name)
    return licensing_pb2.ModelInfo(name=name, version=next(spaces, ""))
