"""Calls that carry a recording: one channel in, what a technology says of it out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from appliance.grpc_face.around import Context
from appliance.grpc_face.audio import AudioIn, Parts
from appliance.grpc_face.callers import caller
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.incoming import Incoming
from appliance.grpc_face.sinks import several_channels
from appliance.grpc_face.tasks import performed, rendered
from appliance.intake import Arrival
from schemas.technologies import parse_parameters, technologies

# Half of what the thriftiest speech codecs make while it is spoken, in bytes a second.
_LEAST_RATE = 250.0


@dataclass(frozen=True, slots=True)
class Listening:
    """How a service listens: the name of its technology, what its messages consist of, and what their config means as
    parameters of the technology. A parameter of None is not set."""

    technology: str
    parts: Parts
    parameters: Callable[[Any], dict[str, Any]] = lambda _: {}

    async def heard(self, calls: Calls, arriving: Incoming[Any], context: Context) -> dict[str, Any]:
        """The result for the one channel of the recording, as the poll would show it.

        Raises ValidationError for a recording of several, and whatever the task is refused with.
        """
        technology = technologies()[self.technology]

        async def fill(arrival: Arrival) -> None:
            def ask(config: Message | None, start: float | None, end: float | None) -> float | None:
                given = {"range_from": start, "range_to": end}
                if config is not None:
                    given |= self.parameters(config)
                arrival.parameters = parse_parameters(technology.parameters, {}, given, calls.settings.served_models)
                return given.get("max_speech_length")

            await AudioIn(arrival, calls.settings.models, ask).receive(arriving, self.parts)

        result = await performed(calls, technology, caller(context), fill, rendered(technology))
        found: list[dict[str, Any]] = result["channels"]
        if len(found) != 1:
            raise several_channels(len(found))
        return found[0]


def incoming(calls: Calls, messages: Any) -> Incoming[Any]:
    """The messages of a call with audio, which may come no faster than it is spoken: they have the time of the longest
    recording, and that of an upload besides."""
    seconds = calls.settings.max_audio_length + calls.settings.single_file_upload_timeout
    return Incoming(messages, seconds=seconds, least_rate=_LEAST_RATE)
