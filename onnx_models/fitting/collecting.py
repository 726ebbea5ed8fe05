"""Recordings of known speakers become a collection of voiceprints to calibrate on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from onnx_models.fitting.corpus import Labelled
from onnx_models.fitting.trials import Collection
from schemas.errors import TaskValidationError
from schemas.voiceprint import Voiceprint

# Seconds of speech.
PIECES = (1.0, 2.0, 3.0, 5.0, 8.0)


class NoSpeech(TaskValidationError):
    """A recording that says nothing about its speaker."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A voiceprint, raw: of the recording from `start` to `end` in seconds, or of all of it."""

    voiceprint: Voiceprint
    start: float
    end: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """From where to where a recording is listened to, in seconds, until `speech` seconds of speech were found."""

    start: float
    end: float
    speech: float | None


def cuts(length: float, speech: float, pieces: Sequence[float] = PIECES) -> list[Cut]:
    """Pieces of a recording of `length` seconds with `speech` seconds of speech, for trials of one speaker.

    Both halves, and for every length in `pieces` that they should hold, so much of the start of the first and of the
    end of the second: these are furthest apart. Pauses decide whether the end has a little less.
    """
    half = length / 2
    found = [Cut(0.0, half, None), Cut(half, length, None)]
    for seconds in (piece for piece in pieces if 2 * piece < speech):
        found += [Cut(0.0, half, seconds), Cut(max(half, length - seconds * length / speech), length, seconds)]
    return found


def heard(
    extract: Callable[..., list[Voiceprint]], *, pieces: Sequence[float] = (), most: float | None = None
) -> list[Piece]:
    """The whole of a recording, or its first `most` seconds of speech; with `pieces` its cuts as well, but for those
    without speech.

    `extract` is an extractor's, without centring, that already knows the recording; its channels are mixed. Raises
    NoSpeech when there is none in all of it.
    """
    (whole,) = extract(channel_mode="mix", media_sha256=bytes(32), max_speech_length=most)
    if not whole.has_speech:
        raise NoSpeech("there is no speech in it")
    length = whole.recording_length
    found = [Piece(whole, 0.0, length, whole=True)]
    if pieces:
        for cut in cuts(length, whole.speech_length, pieces):
            (part,) = extract(
                channel_mode="mix",
                media_sha256=bytes(32),
                max_speech_length=cut.speech,
                range_from=cut.start,
                range_to=cut.end,
            )
            found.append(Piece(part, cut.start, cut.end, whole=False))
    return [piece for piece in found if piece.voiceprint.has_speech]


def collection(recordings: Sequence[tuple[Labelled, Sequence[Piece]]]) -> Collection:
    """The voiceprints of all `recordings`, in their order. Raises ValueError when there are none."""
    names = sorted({labelled.speaker for labelled, pieces in recordings if pieces})
    places = {name: place for place, name in enumerate(names)}
    sexes = {labelled.speaker: labelled.sex for labelled, _ in recordings}
    rows = [(number, labelled, piece) for number, (labelled, pieces) in enumerate(recordings) for piece in pieces]
    return Collection(
        raw=np.stack([piece.voiceprint.vector for _, _, piece in rows]),
        speech=np.array([piece.voiceprint.speech_length for _, _, piece in rows]),
        speakers=np.array([places[labelled.speaker] for _, labelled, _ in rows]),
        spans=np.array([(number, piece.start, piece.end) for number, _, piece in rows]),
        whole=np.array([piece.whole for _, _, piece in rows]),
        sexes=tuple(sexes[name] for name in names),
    )
