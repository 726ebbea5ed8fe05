"""Gender and age of recordings and of voiceprints."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from onnx_models import registry
from onnx_models.served import Served
from schemas.errors import MediaDamaged, MediaError, TaskValidationError
from schemas.voiceprint import encode, to_base64
from tests.conftest import RECORDINGS
from tests.unit.tasks.jobs.conftest import Run
from tests.unit.tasks.jobs.made_voiceprints import directions, silent, text

GENDER, AGE = "gender-identification", "age-estimation"
A = directions(3)


@pytest.mark.parametrize("kind", [GENDER, AGE])
def test_recordings_and_their_voiceprints_agree(run: Run, served: Served, kind: str) -> None:
    """What is told of a recording is told, digit by digit, of the voiceprint that is extracted from it."""
    path = RECORDINGS / "demo.flac"
    (channel,) = run(kind, path)["channels"]
    texts = [to_base64(encode(found)) for found in served.extractor().extract(path)]
    (result,) = run(f"{kind}-voiceprints", {"voiceprints": texts})["results"]
    listened = {"processed_audio_length": channel["processed_audio_length"]}
    assert json.dumps(channel) == json.dumps({"channel_number": 0} | result | listened)


def test_scores_are_opposite(run: Run) -> None:
    """Each voiceprint has two scores, opposite, with probabilities that follow from them and sum to 1."""
    results = run(f"{GENDER}-voiceprints", {"voiceprints": [text(v) for v in A]})["results"]
    assert len(results) == 3
    for result in results:
        male, female = result["score_male"], result["score_female"]
        assert male["score_llr"] == -female["score_llr"]
        assert male["probability"] + female["probability"] == 1
        assert male["probability"] == pytest.approx(1 / (1 + np.exp(-male["score_llr"])))


def test_without_enough_speech(run: Run) -> None:
    """Nothing is told without speech, or from less of it than the head's card says."""
    texts = [silent(), text(A[0], 0.29), text(A[0], 0.31), text(A[0], 0.49), text(A[0], 0.5)]
    genders = run(f"{GENDER}-voiceprints", {"voiceprints": texts})["results"]
    assert [result["score_male"] is None for result in genders] == [True, True, True, True, False]
    assert [result["score_female"] is None for result in genders] == [True, True, True, True, False]
    ages = run(f"{AGE}-voiceprints", {"voiceprints": texts})["results"]
    assert [result["age"] is None for result in ages] == [True, True, False, False, False]


def test_a_silent_recording(run: Run, tmp_path: Path) -> None:
    """A recording without speech is no error: its channels have a speech length of 0 and nothing is told."""
    soundfile.write(tmp_path / "silence.wav", np.zeros((16000, 2)), 16000)
    shown = run(GENDER, tmp_path / "silence.wav")["channels"]
    assert shown == [
        {
            "channel_number": number,
            "speech_length": 0.0,
            "score_male": None,
            "score_female": None,
            "processed_audio_length": 1.0,
        }
        for number in range(2)
    ]
    assert run(AGE, tmp_path / "silence.wav", channel_mode="mix")["channels"] == [
        {"channel_number": 0, "speech_length": 0.0, "age": None, "processed_audio_length": 1.0}
    ]


def test_parts_of_a_recording(run: Run) -> None:
    """Only what lies in the range is listened to, and not more speech than the cap."""

    def speech(**parameters: Any) -> float:
        length: float = run(GENDER, RECORDINGS / "demo.flac", **parameters)["channels"][0]["speech_length"]
        return length

    whole = speech()
    assert speech(range_from=1.0, range_to=3.0) <= 2.0 < whole
    assert speech(max_speech_length=1.5) == 1.5
    assert speech(range_from=0.0) == whole


def test_a_range_beyond_the_end(run: Run) -> None:
    """A range that starts after the recording's end is refused with the recording as the place."""
    with pytest.raises(MediaError, match="starts at") as caught:
        run(GENDER, RECORDINGS / "demo.flac", range_from=10_000)
    assert caught.value.detail[0].location == ("body", "file")


def test_what_is_no_recording(run: Run, tmp_path: Path) -> None:
    """What cannot be decoded is refused as in extraction."""
    (tmp_path / "cut.flac").write_bytes((RECORDINGS / "demo.flac").read_bytes()[:5000])
    with pytest.raises(MediaDamaged):
        run(AGE, tmp_path / "cut.flac")


def test_ages_are_whole(run: Run) -> None:
    """An age is what the head makes of the raw embedding, as a whole number."""
    for result in run(f"{AGE}-voiceprints", {"voiceprints": [text(v) for v in A]})["results"]:
        assert isinstance(result["age"], int)
        assert 20 <= result["age"] <= 40


def test_voiceprints_that_have_no_head(run: Run) -> None:
    """Voiceprints of spaces without a model or a head, and those of a wrong length, are named in order of index."""
    bare = registry.speaker_card("mfcc-stats")
    texts = [
        text(A[0]),
        text(A[0], space="another"),
        text(np.ones(bare.dimension, np.float32), space=bare.space, model=bare.name),
        text(A[0][:8] * 2),
        "AAAA",
    ]
    with pytest.raises(TaskValidationError) as caught:
        run(f"{GENDER}-voiceprints", {"voiceprints": texts})
    assert [(detail.location[-1], detail.type) for detail in caught.value.detail] == [
        (1, "model.not-served"),
        (2, "model.head-missing"),
        (3, "voiceprint.malformed"),
        (4, "voiceprint.wrong-magic"),
    ]
