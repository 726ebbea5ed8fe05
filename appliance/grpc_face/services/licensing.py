"""`Licensing`: always valid, for nothing here expires."""

import grpc.aio
from phonexia.grpc.common import licensing_pb2, licensing_pb2_grpc

from appliance.grpc_face.about import TECHNOLOGY_NAME, model_info
from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.services import Service


class Licensing(licensing_pb2_grpc.LicensingServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Info(  # noqa: N802  # the protocol's name
        self,
        request: licensing_pb2.LicensingInfoRequest,  # noqa: ARG002  # it is empty
        context: Context,  # noqa: ARG002
    ) -> licensing_pb2.LicensingInfoResult:
        """No date in `valid_until`, and the limits that hold here in the flags. Raises Overloaded without Redis."""
        settings = self._calls.settings
        return licensing_pb2.LicensingInfoResult(
            is_valid=True,
            technology_name=TECHNOLOGY_NAME,
            model_info=await model_info(self._calls),
            license_flags={
                "license": "Apache-2.0",
                "expires": "never",
                "single_file_upload_size_bytes": str(int(settings.single_file_upload_size)),
                "single_file_upload_timeout_seconds": f"{settings.single_file_upload_timeout:g}",
                "input_storage_size_bytes": str(int(settings.input_storage_size)),
                "max_audio_length_seconds": f"{settings.max_audio_length:g}",
            },
        )


def _add(server: grpc.aio.Server, calls: Calls) -> None:
    licensing_pb2_grpc.add_LicensingServicer_to_server(Licensing(calls), server)


SERVICE = Service("phonexia.grpc.common.Licensing", _add)
