"""What the technologies answer: the keys of the REST interface under their own names, lengths and times in seconds.

Vectors and scores are `array('f')`, the appliance's float32 numbers bit for bit. They have the buffer protocol:
`numpy.asarray(vector)` is a float32 array over the same memory.
"""

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    Vector: TypeAlias = array[float]
else:
    Vector = array  # has no parameters at run time before Python 3.12


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingQuality:
    """What was measured in the speech of one channel; None where nothing could be."""

    verdict: Literal["good", "usable", "poor"]
    reasons: tuple[str, ...]
    speech_seconds: float
    clipping_share: float | None
    level_dbfs: float | None
    snr_db: float | None
    bandwidth_hertz: float | None
    band: Literal["telephone", "wide", "super-wide", "full"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedVoiceprint:
    """The voiceprint of one channel, as Base64. `vector_voiceprint` is its vector, empty without speech and None when
    it was not asked for."""

    channel_number: int
    voiceprint: str
    speech_length: float
    processed_audio_length: float = 0.0
    model: str = ""
    quality: RecordingQuality | None = None
    vector_voiceprint: Vector | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """One for each channel that was listened to."""

    channels: tuple[ExtractedVoiceprint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The vectors that voiceprints hold, in their order; empty without speech."""

    vector_voiceprints: tuple[Vector, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreMatrix:
    """Natural log-likelihood ratios, a row for each of b and a column for each of a: 0 is undecided, above 2 it is the
    same speaker with high probability."""

    columns_count: int
    rows_count: int
    values: Vector

    def of(self, *, a: int = 0, b: int = 0) -> float:
        """The score of a[`a`] with b[`b`]. Raises IndexError."""
        if not (0 <= a < self.columns_count and 0 <= b < self.rows_count):
            raise IndexError(f"there are {self.columns_count} of a and {self.rows_count} of b")
        return self.values[b * self.columns_count + a]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The scores of every pair."""

    scores: ScoreMatrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """One voiceprint, as Base64, that stands for all of the input; its net speech is the sum of theirs."""

    voiceprint: str
    speech_length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GenderScore:
    """How much likelier the voice is from this gender, as a natural logarithm, and how likely where both are equally
    frequent."""

    score_llr: float
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceprintGender:
    """What is told of one voiceprint; both scores are None without enough speech."""

    speech_length: float
    score_male: GenderScore | None
    score_female: GenderScore | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGender(VoiceprintGender):
    """What is told of one channel."""

    channel_number: int
    processed_audio_length: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceprintGenders:
    """One for each voiceprint, in their order."""

    results: tuple[VoiceprintGender, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGenders:
    """One for each channel that was listened to."""

    channels: tuple[ChannelGender, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceprintAge:
    """What is told of one voiceprint's speaker; the age is in years, None without enough speech."""

    speech_length: float
    age: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAge(VoiceprintAge):
    """What is told of one channel's speaker."""

    channel_number: int
    processed_audio_length: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceprintAges:
    """One for each voiceprint, in their order."""

    results: tuple[VoiceprintAge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAges:
    """One for each channel that was listened to."""

    channels: tuple[ChannelAge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSegment:
    """A stretch of speech, from the beginning of the recording."""

    segment_type: str
    start_time: float
    end_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelActivity:
    """Where one channel has speech."""

    channel_number: int
    speech_length: float
    processed_audio_length: float = 0.0
    segments: tuple[VoiceSegment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One for each channel that was listened to."""

    channels: tuple[ChannelActivity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSegment:
    """A stretch of one speaker's speech."""

    speaker_id: int
    start_time: float
    end_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpeakers:
    """Who speaks when in one channel."""

    channel_number: int
    speakers_count: int
    segments: tuple[SpeakerSegment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diarization:
    """One for each channel that was listened to."""

    channels: tuple[ChannelSpeakers, ...]
