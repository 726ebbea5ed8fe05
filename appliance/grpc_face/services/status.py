"""`Status`: what runs here."""

from importlib.metadata import version

import grpc.aio
from phonexia.grpc.common import status_pb2, status_pb2_grpc

from appliance.grpc_face.about import TECHNOLOGY_NAME, model_info
from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.services import Service


class Status(status_pb2_grpc.StatusServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def GetStatus(  # noqa: N802  # the protocol's name
        self,
        request: status_pb2.GetStatusRequest,  # noqa: ARG002  # it is empty
        context: Context,  # noqa: ARG002
    ) -> status_pb2.GetStatusResponse:
        """Raises Overloaded without Redis.

        `configuration` stays empty. Its values would be messages of types that the stubs do not bring, which clients
        that print every field fail to print; the limits are in the flags of `Licensing`.
        """
        return status_pb2.GetStatusResponse(
            name="voiceprint-appliance",
            version=version("voiceprint-appliance"),
            technology_name=TECHNOLOGY_NAME,
            model_info=await model_info(self._calls),
        )


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    status_pb2_grpc.add_StatusServicer_to_server(Status(calls), server)


SERVICE = Service("phonexia.grpc.common.Status", _add)
