"""Recordings of known speakers become a collection of voiceprints to calibrate on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from onnx_models.corpus import Labelled
from onnx_models.trials import Collection
from schemas.errors import TaskValidationError
from schemas.voiceprint import Voiceprint

# Seconds of recording.
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


def cuts(length: float, pieces: Sequence[float] = PIECES) -> list[tuple[float, float]]:
    """Where a recording of `length` seconds is cut: at its start and at its end, which are furthest apart, a piece of
    every length in `pieces` of which it holds two, and either half of it."""
    lengths = sorted({piece for piece in pieces if 2 * piece < length} | {length / 2})
    return [span for piece in lengths for span in ((0.0, piece), (length - piece, length))]


def heard(extract: Callable[..., list[Voiceprint]], *, pieces: Sequence[float] = ()) -> list[Piece]:
    """The whole of a recording and, with `pieces`, its cuts; those without speech are left out.

    `extract` is an extractor's, without centring, that already knows the recording; its channels are mixed. Raises
    NoSpeech when there is none in all of it.
    """
    (whole,) = extract(channel_mode="mix", media_sha256=bytes(32))
    if not whole.has_speech:
        raise NoSpeech("there is no speech in it")
    length = whole.recording_length
    found = [Piece(whole, 0.0, length, whole=True)]
    if pieces:
        for start, end in cuts(length, pieces):
            (part,) = extract(channel_mode="mix", media_sha256=bytes(32), range_from=start, range_to=end)
            found.append(Piece(part, start, end, whole=False))
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
