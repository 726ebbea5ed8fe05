"""From a recording to where each of its channels has speech."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx_models import media, registry, speech
from onnx_models.media import ChannelMode, MediaLimits, Recording, Source
from onnx_models.passage import Passage, until_stopped
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector
from onnx_models.stages import heard
from onnx_models.turn import Turn

# The published appliance finds no segments in less audio, and clients count on it.
LEAST_SECONDS = 0.8
# Samples at 16 kHz are whole in so many decimals of a second; beyond are only the traces of binary fractions.
_DECIMALS = 7


@dataclass(frozen=True, slots=True)
class Activity:
    """Where one channel has speech: `segments` [start, end) in seconds from the beginning of the recording, in order
    and apart from each other. `speech_length` seconds in all, of `processed` seconds that were listened to."""

    channel_number: int
    speech_length: float
    processed: float
    segments: tuple[tuple[float, float], ...]


class VoiceActivity:
    """An open voice activity detector for whole recordings. It hears what a speaker model at 16 kHz hears.

    Threads may call it side by side; whoever has the turn computes.
    """

    def __init__(self, detector: SpeechDetector, limits: MediaLimits, turn: Turn | None = None) -> None:
        """`detector` works at 16 kHz."""
        self._detector, self._limits, self._turn = detector, limits, turn or Turn()

    @classmethod
    def open(cls, *, models_dir: Path, limits: MediaLimits | None = None, turn: Turn | None = None) -> "VoiceActivity":
        """Raises ConfigurationError when the network is not installed or is damaged."""
        media.start()
        network = registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), models_dir)
        return cls(SpeechDetector(open_session(network, "cpu")), limits or MediaLimits(), turn)

    def detect(
        self,
        source: Source,
        *,
        channel_mode: ChannelMode = "split",
        channels: Sequence[int] | None = None,
        range_from: float | None = None,
        range_to: float | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> list[Activity]:
        """The activity of each channel, or of their mean, numbered 0, when `channel_mode` is `mix`.

        Parameters are those of `Extractor.extract`. Raises the MediaError that says why the recording cannot be taken,
        Stopped when `stop` says so.
        """
        recording = Recording(source, self._limits, stop, self._turn.left_for)
        found = []
        for selection in recording.selections(channel_mode, channels):
            passage = Passage(speech.RATE, range_from or 0.0, range_to)
            signal = recording.samples(selection, speech.RATE)
            with self._turn.taken():
                segments = self._detector.segments(passage.of(until_stopped(signal, stop or _never)))
            heard(passage.length)
            number = selection[0] if channel_mode == "split" else 0
            found.append(_activity(number, passage.length, segments, range_from or 0.0, range_to))
        return found


def _activity(
    channel_number: int, processed: float, segments: list[tuple[int, int]], start: float, end: float | None
) -> Activity:
    """Of segments in samples from `start` seconds."""
    if processed < LEAST_SECONDS:
        segments = []

    def seconds(sample: int) -> float:
        # A range need not start at a sample: what rounding puts beyond its bounds is put back.
        at = max(start, round(start + sample / speech.RATE, _DECIMALS))
        return at if end is None else min(at, end)

    return Activity(
        channel_number=channel_number,
        speech_length=sum(last - first for first, last in segments) / speech.RATE,
        processed=processed,
        segments=tuple((seconds(first), seconds(last)) for first, last in segments),
    )


def _never() -> bool:
    return False
