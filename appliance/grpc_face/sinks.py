"""Where the bytes of a call's audio go: into the file of a task as they come, never held in memory."""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from phonexia.grpc.common.core_pb2 import RawAudioConfig

from appliance.grpc_face.channel_count import HEAD_BYTES, channels
from appliance.grpc_face.durations import invalid
from appliance.grpc_face.raw_audio import RawFormat
from appliance.intake import Arrival
from schemas.errors import ConfigurationError, ValidationError

if TYPE_CHECKING:
    from appliance.grpc_face.enough import Listener

log = logging.getLogger(__name__)

# Written at a time: hashing it is not noticed by an event loop.
_PIECE_BYTES = 1 << 18
# What follows the end of a time range, for the resampler that looks a little ahead, in seconds.
_AFTER_END = 0.3


class Sink(Protocol):
    """`enough`: more is not needed. `bounded`: what has come may do, if nothing more comes at once."""

    enough: bool
    bounded: bool

    async def write(self, content: bytes) -> None:
        """Raises TooLarge or StorageFull, ValidationError for audio that is not taken."""

    async def met(self) -> bool:
        """Whether what has come will do, now that nothing more comes for a while. It may go on all the same."""

    async def finish(self) -> None:
        """Raises ValidationError when it cannot end here."""


class EncodedSink:
    """A file of any kind, which only its end completes."""

    enough = bounded = False

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self._head: bytes | None = b""

    async def write(self, content: bytes) -> None:
        if self._head is not None:
            self._look(content)
        await _write(self._arrival, content)

    async def met(self) -> bool:
        return False

    async def finish(self) -> None:
        """Its decoder knows better what is missing."""

    def _look(self, content: bytes) -> None:
        self._head = (self._head or b"") + content[:HEAD_BYTES]
        count = channels(self._head)
        if count is not None and count > 1:
            raise several_channels(count)
        if count is not None or len(self._head) >= HEAD_BYTES:
            self._head = None


class RawSink:
    """Samples, behind the header that they lack; over as soon as they hold what is asked for."""

    def __init__(self, arrival: Arrival, form: RawFormat, end: float | None, listener: "Listener | None") -> None:
        self.enough = self._met = False
        self.bounded = end is not None or listener is not None
        self._arrival, self._form = arrival, form
        self._end, self._listener = end, listener
        self._rest, self._bytes = b"", 0

    @classmethod
    async def begun(
        cls,
        arrival: Arrival,
        config: RawAudioConfig,
        *,
        start: float,
        end: float | None,
        speech: float | None,
        models_dir: Path,
    ) -> "RawSink":
        """Enough is what lies before `end`, or `speech` seconds of speech after `start`, where they are given."""
        form = RawFormat.of(config)
        listener = None
        if speech is not None:
            listener = await asyncio.to_thread(_listener, form, start, end, speech, models_dir)
        await arrival.write(form.header())
        return cls(arrival, form, end, listener)

    async def write(self, content: bytes) -> None:
        # A message may end within a sample.
        content = self._rest + content if self._rest else content
        whole = len(content) - len(content) % self._form.width
        self._rest, content = content[whole:], content[:whole]
        await _write(self._arrival, content)
        self._bytes += whole
        if self._listener is not None:
            await asyncio.to_thread(self._listener.push, content)
            self._met, self.enough = self._listener.met, self._listener.enough
        if self._end is not None:
            behind = self._bytes / (self._form.rate * self._form.width) - self._end
            self._met, self.enough = self._met or behind >= 0, self.enough or behind >= _AFTER_END

    async def met(self) -> bool:
        if not self._met and self._listener is not None:
            self._met = await asyncio.to_thread(self._listener.met_if_over)
        return self._met

    async def finish(self) -> None:
        if self._rest and not self._met:
            raise invalid(
                "audio.content",
                f"the raw audio ends within a sample: {len(self._rest)} of its {self._form.width} bytes are there",
            )


def several_channels(count: int) -> ValidationError:
    """The refusal of a recording of more than one channel."""
    return invalid(
        "audio.content",
        f"the recording has {count} channels: over gRPC one is taken (mix or split them first), over REST several",
    )


def _listener(form: RawFormat, start: float, end: float | None, speech: float, models_dir: Path) -> "Listener | None":
    # Only here: calls that do not need it load no network.
    from appliance.grpc_face.enough import Listener  # noqa: PLC0415

    try:
        return Listener(form, start=start, end=end, speech=speech, models_dir=models_dir)
    except ConfigurationError as error:
        log.warning("speech is not counted while it arrives, a speech cap is met at its end: %s", error.message)
        return None


async def _write(arrival: Arrival, content: bytes) -> None:
    for at in range(0, len(content), _PIECE_BYTES):
        await arrival.write(content[at : at + _PIECE_BYTES])
