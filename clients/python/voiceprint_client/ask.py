"""What can be asked of an appliance. Each function makes a request, which a client runs, submits, or runs with many
others; the client's method of the same name makes it and runs it at once.

A recording is a path, bytes or an open binary file. A voiceprint is Base64, as results have it, or the bytes that it
stands for; where several are taken, one may stand alone.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Literal, SupportsFloat, TypeAlias, TypedDict, TypeVar, Unpack

from voiceprint_client import results
from voiceprint_client.content import Document, Recording, Source
from voiceprint_client.technology import Request, Technology

EXTRACTION = Technology("speaker-identification-voiceprint-extraction", results.Extraction)
CONVERSION = Technology("speaker-identification-voiceprint-conversion", results.Conversion)
COMPARISON = Technology("speaker-identification-voiceprint-comparison", results.Comparison)
MERGING = Technology("speaker-identification-voiceprint-merging", results.Merging)
GENDER = Technology("gender-identification", results.ChannelGenders)
GENDER_OF_VOICEPRINTS = Technology("gender-identification-voiceprints", results.VoiceprintGenders)
AGE = Technology("age-estimation", results.ChannelAges)
AGE_OF_VOICEPRINTS = Technology("age-estimation-voiceprints", results.VoiceprintAges)
VOICE_ACTIVITY = Technology("voice-activity-detection", results.Activity)
DIARIZATION = Technology("speaker-diarization", results.Diarization)

Voiceprint: TypeAlias = str | bytes
Voiceprints: TypeAlias = Voiceprint | Iterable[Voiceprint]
# Bare vectors: lists, arrays, a numpy array with one in each row.
Vectors: TypeAlias = Iterable[Iterable[SupportsFloat]]

Result = TypeVar("Result")


class Passage(TypedDict, total=False):
    """Which part of a recording is listened to: `channels` are counted from 0, the range is in seconds."""

    channel_mode: Literal["split", "mix"]
    channels: Iterable[int] | None
    range_from: float | None
    range_to: float | None


class Listening(Passage, total=False):
    """`max_speech_length` is how many seconds of net speech are enough, `model` one of those that are served."""

    max_speech_length: float | None
    model: str | None


def extract(
    recording: Source, *, include_vector_voiceprint: bool = True, **listening: Unpack[Listening]
) -> Request[results.Extraction]:
    """A voiceprint of every channel, and its vector: which the appliance sends only when asked, and which is small."""
    return _heard(EXTRACTION, recording, listening, include_vector_voiceprint=include_vector_voiceprint)


def gender(recording: Source, **listening: Unpack[Listening]) -> Request[results.ChannelGenders]:
    """How likely the voice of every channel is a man's or a woman's."""
    return _heard(GENDER, recording, listening)


def age(recording: Source, **listening: Unpack[Listening]) -> Request[results.ChannelAges]:
    """How old the speaker of every channel is."""
    return _heard(AGE, recording, listening)


def voice_activity(recording: Source, **passage: Unpack[Passage]) -> Request[results.Activity]:
    """Where every channel has speech."""
    return _heard(VOICE_ACTIVITY, recording, passage)


def diarize(
    recording: Source,
    *,
    max_speakers: int | None = None,
    total_speakers: int | None = None,
    **passage: Unpack[Passage],
) -> Request[results.Diarization]:
    """Who speaks when in every channel, of at most or exactly so many speakers."""
    return _heard(DIARIZATION, recording, passage, max_speakers=max_speakers, total_speakers=total_speakers)


def convert(
    voiceprints: Voiceprints, *, raw: Literal["float32", "float16"] | None = None
) -> Request[results.Conversion]:
    """The vectors that voiceprints hold, those of Phonexia and lists of decimals as text, `"[16.07, …]"`, among them;
    with `raw`, such as are nothing but numbers, little-endian."""
    return _told(CONVERSION, voiceprints, raw=raw)


def merge(voiceprints: Voiceprints) -> Request[results.Merging]:
    """One voiceprint that stands for several of one speaker."""
    return _told(MERGING, voiceprints)


def gender_of_voiceprints(voiceprints: Voiceprints) -> Request[results.VoiceprintGenders]:
    """How likely the voices of voiceprints are a man's or a woman's."""
    return _told(GENDER_OF_VOICEPRINTS, voiceprints)


def age_of_voiceprints(voiceprints: Voiceprints) -> Request[results.VoiceprintAges]:
    """How old the speakers of voiceprints are."""
    return _told(AGE_OF_VOICEPRINTS, voiceprints)


def compare(
    a: Voiceprints | Vectors, b: Voiceprints | Vectors, *, model: str | None = None, profile: str | None = None
) -> Request[results.Comparison]:
    """Scores of every one of `a` with every one of `b`; bare vectors need the name of the `model` whose they are.
    `profile` is the audio source profile by whose calibration scores are made."""
    content = Document({**_side("a", a), **_side("b", b)})
    return Request(COMPARISON, content, _query({"model": model, "profile": profile}), (a, b))


def _heard(
    technology: Technology[Result], recording: Source, listening: Mapping[str, Any], **more: Any
) -> Request[Result]:
    return Request(technology, Recording(recording), _query({**listening, **more}), recording)


def _told(technology: Technology[Result], voiceprints: Voiceprints, **parameters: Any) -> Request[Result]:
    content = Document({"voiceprints": [_text(one) for one in _several(voiceprints)]})
    return Request(technology, content, _query(parameters), voiceprints)


def _side(name: str, given: Voiceprints | Vectors) -> dict[str, Any]:
    items = _several(given)
    if all(isinstance(item, str | bytes) for item in items):
        return {f"voiceprints_{name}": [_text(item) for item in items]}
    return {f"vectors_{name}": [[float(number) for number in vector] for vector in items]}


def _several(given: Any) -> list[Any]:
    return [given] if isinstance(given, str | bytes) else list(given)


def _text(voiceprint: Voiceprint) -> str:
    return voiceprint if isinstance(voiceprint, str) else base64.b64encode(voiceprint).decode()


def _query(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: _written(value) for name, value in parameters.items() if value is not None}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    return ",".join(map(str, value))
