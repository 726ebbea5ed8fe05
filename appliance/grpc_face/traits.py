"""Calls that tell something of a speaker: from a recording, or from voiceprints, each message of them for itself."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.durations import cap, duration, invalid
from appliance.grpc_face.incoming import Incoming
from appliance.grpc_face.recordings import Listening, incoming
from appliance.grpc_face.tasks import rendered
from appliance.grpc_face.voiceprints import of_voiceprints
from schemas.errors import RequestInvalid
from schemas.technologies import technologies

_R = TypeVar("_R", bound=Message)


@dataclass(frozen=True, slots=True)
class Trait(Generic[_R]):
    """`technology` is the name of the one that listens; that for voiceprints has the same and `-voiceprints`. `result`
    makes one message of one result as the poll would show it, `response` is the message of several."""

    technology: str
    result: Callable[[dict[str, Any]], Message]
    response: Callable[..., _R]

    async def told(self, calls: Calls, messages: Any, context: Context) -> AsyncIterator[_R]:
        """One response for a recording, or one for every message of voiceprints.

        Raises RequestInvalid for a call without either, ValidationError for one with both.
        """
        async with incoming(calls, messages) as arriving:
            first = await arriving.first()
            if first is None:
                raise RequestInvalid("the call has neither audio nor voiceprints: nothing came before its end")
            if not first.voiceprints:
                yield await self._heard(calls, arriving, context)
                # It may have been early, and is told without its status already.
                await arriving.linger()
                return
            while (message := await arriving.next()) is not None:
                yield await self._given(calls, message, context)

    async def _given(self, calls: Calls, message: Any, context: Context) -> _R:
        _require_one_kind(message, voiceprints=True)
        name = f"{self.technology}-voiceprints"
        found = await of_voiceprints(calls, name, context, list(message.voiceprints), rendered(technologies()[name]))
        return self.response(results=[self.result(one) for one in found["results"]])

    async def _heard(self, calls: Calls, arriving: Incoming[Any], context: Context) -> _R:
        listening = Listening(
            self.technology,
            parts=_audio,
            parameters=lambda config: {"max_speech_length": cap(config.speech_length, "config.speech_length")},
        )
        found = await listening.heard(calls, arriving, context)
        return self.response(
            results=[self.result(found)], processed_audio_length=duration(found["processed_audio_length"])
        )


def _audio(message: Any) -> tuple[Any, Message | None]:
    _require_one_kind(message, voiceprints=False)
    return message.audio, message.config if message.HasField("config") else None


def _require_one_kind(message: Any, *, voiceprints: bool) -> None:
    if message.HasField("audio") if voiceprints else message.voiceprints:
        raise invalid("voiceprints", "a call carries either audio or voiceprints, not both")
