"""The audio of a call: what is said of it, and its bytes on their way into a task."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message
from phonexia.grpc.common.core_pb2 import Audio, RawAudioConfig, TimeRange

from appliance.grpc_face.durations import in_seconds, invalid
from appliance.grpc_face.incoming import Incoming
from appliance.grpc_face.sinks import EncodedSink, RawSink, Sink
from appliance.intake import Arrival
from schemas.errors import RequestInvalid

# Enough may have been heard, but a little more would make it certain: so long is waited for it, in seconds.
_PATIENCE = 1.0

_M = TypeVar("_M", bound=Message)


# Called once all is said: with the call's `config`, None without one, and its time range in seconds. Returns the
# seconds of speech that are enough, or None. Raises ValidationError.
Asking = Callable[[Any, float | None, float | None], float | None]
# A message's audio and its config, None where it has none.
Parts = Callable[[Any], tuple[Audio, Message | None]]


class AudioIn:
    """What the messages of a call say of its audio: before the first of its bytes, and afterwards the same or nothing.

    Clients say it once or in every message, and set messages in which nothing is set.
    """

    def __init__(self, arrival: Arrival, models_dir: Path, asking: Asking) -> None:
        self._arrival, self._models_dir, self._asking = arrival, models_dir, asking
        self._config: Message | None = None
        self._range: TimeRange | None = None
        self._raw: RawAudioConfig | None = None
        self._sink: Sink | None = None

    async def receive(self, incoming: Incoming[Any], parts: Parts) -> None:
        """Everything, or as much as is enough.

        Raises RequestInvalid for a call without audio, ValidationError for what is said of it.
        """
        while not await self._is_over(incoming) and (message := await incoming.next()) is not None:
            audio, config = parts(message)
            self._take(audio, config)
            if not audio.content:
                continue
            if self._sink is None:
                self._sink = await self._begun()
            await self._sink.write(audio.content)
            if self._sink.enough:
                break
        if self._sink is None:
            raise RequestInvalid("the call has no audio: nothing came before its end")
        await self._sink.finish()

    async def _is_over(self, incoming: Incoming[Any]) -> bool:
        """Whether the client is silent and has sent what it is asked for."""
        sink = self._sink
        return sink is not None and sink.bounded and await incoming.quiet(_PATIENCE) and await sink.met()

    def _take(self, audio: Audio, config: Message | None) -> None:
        within = audio.time_range if audio.HasField("time_range") else None
        self._range = self._kept("audio.time_range", self._range, within)
        raw = audio.raw_audio_config if audio.HasField("raw_audio_config") else None
        self._raw = self._kept("audio.raw_audio_config", self._raw, raw)
        self._config = self._kept("config", self._config, config)

    def _kept(self, name: str, earlier: _M | None, given: _M | None) -> _M | None:
        """Raises ValidationError when it is another than before, or the audio has begun without it. A message in which
        nothing is set says nothing."""
        if given is None or not given.ByteSize():
            return given if earlier is None and self._sink is None else earlier
        if earlier is None or not earlier.ByteSize():
            if self._sink is not None:
                raise invalid(name, "must come before the audio or with its first bytes")
            return given
        if given != earlier:
            raise invalid(name, "must not change within a call")
        return earlier

    async def _begun(self) -> Sink:
        start, end = _bounds(self._range)
        speech = self._asking(self._config, start, end)
        if self._raw is None:
            return EncodedSink(self._arrival)
        return await RawSink.begun(
            self._arrival, self._raw, start=start or 0.0, end=end, speech=speech, models_dir=self._models_dir
        )


def _bounds(given: TimeRange | None) -> tuple[float | None, float | None]:
    """Start and end in seconds, None where they are not set. Raises ValidationError."""
    if given is None:
        return None, None
    start = in_seconds(given.start, "audio.time_range.start") if given.HasField("start") else None
    end = in_seconds(given.end, "audio.time_range.end") if given.HasField("end") else None
    if end is not None and end <= (start or 0.0):
        raise invalid(
            "audio.time_range.end", f"must be greater than the start: {end:g} s is not after {start or 0:g} s"
        )
    return start, end
