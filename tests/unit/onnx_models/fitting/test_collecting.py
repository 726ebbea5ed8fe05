"""Recordings and their pieces as a collection of voiceprints."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from onnx_models.extractor import Extractor
from onnx_models.fitting.collecting import NoSpeech, collection, cuts, heard
from onnx_models.fitting.corpus import Labelled


def test_cuts_are_far_apart_and_never_overlap() -> None:
    """Of 20 s with 16 s of speech, every length that a half should hold is cut at the start and at the end."""
    found = cuts(20.0, 16.0, (1.0, 2.0, 8.0))
    assert [(cut.start, cut.end, cut.speech) for cut in found] == [
        (0.0, 10.0, None),
        (10.0, 20.0, None),
        (0.0, 10.0, 1.0),
        (18.75, 20.0, 1.0),
        (0.0, 10.0, 2.0),
        (17.5, 20.0, 2.0),
    ]


def test_a_recording_is_heard_whole_and_in_pieces(extractor: Extractor, recordings: Path) -> None:
    """The whole comes first; pieces have the speech they were cut for, or a little less at the end."""
    extract = partial(extractor.extract, recordings / "demo.flac")
    (whole,) = heard(extract)
    assert whole.whole
    np.testing.assert_array_equal(whole.voiceprint.vector, extract()[0].vector)
    first, *pieces = heard(extract, pieces=(1.0,))
    assert first.whole
    assert not any(piece.whole for piece in pieces)
    start, end = (piece.voiceprint.speech_length for piece in pieces[2:])
    assert start == 1.0
    assert 0.5 < end <= 1.0
    (bounded,) = heard(extract, most=2.0)
    assert bounded.voiceprint.speech_length == 2.0


def test_no_speech_is_refused(extractor: Extractor, tmp_path: Path) -> None:
    """A recording without speech says nothing about its speaker."""
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    with pytest.raises(NoSpeech, match="no speech"):
        heard(partial(extractor.extract, tmp_path / "silent.wav"), pieces=(1.0,))


def test_a_collection_knows_speakers_and_recordings(extractor: Extractor, recordings: Path) -> None:
    """Speakers are numbered without gaps, and every voiceprint knows its recording, also where others gave none."""
    one = heard(partial(extractor.extract, recordings / "demo.flac"), pieces=(1.0,))
    other = heard(partial(extractor.extract, recordings / "answer.flac"))
    joined = collection(
        [
            (Labelled(Path("a"), "zoe", "F"), one),
            (Labelled(Path("b"), "nobody"), []),
            (Labelled(Path("c"), "ann", "M"), other),
        ]
    )
    assert joined.sexes == ("M", "F")
    assert joined.speakers.tolist() == [1] * len(one) + [0]
    assert joined.spans[:, 0].tolist() == [0] * len(one) + [2]
    assert joined.whole.sum() == 2
    assert joined.raw.dtype == np.float32
