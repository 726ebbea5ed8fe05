"""The training of the gender head."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gender_head import Pieces, cllr, fit, trained, unseen_scores
from onnx_models.heads import load_head
from tests.patience import PATIENCE

RECORDINGS = Path(__file__).parents[2] / "recordings"


def made(speakers: int = 60, each: int = 6, apart: float = 1.0) -> Pieces:
    """Pieces of speakers around two centres that are `apart`, in 8 dimensions."""
    rng = np.random.default_rng(0)
    male = np.arange(speakers) % 3 == 0
    voices = rng.normal(0, 0.2, (speakers, 8)) + np.where(male, apart / 2, -apart / 2)[:, np.newaxis] * np.eye(8)[0]
    who = np.repeat(np.arange(speakers), each)
    conditions = np.where(np.arange(len(who)) % each == 0, "whole", "piece")
    return Pieces(voices[who] + rng.normal(0, 0.1, (len(who), 8)), who.astype(str), male[who], conditions)


def test_weights_are_even() -> None:
    """Both sexes weigh the same, every speaker of one as much as another, and every condition within a speaker."""
    pieces = made()
    weights = pieces.weights()
    assert weights.sum() == pytest.approx(60)
    assert weights[pieces.male].sum() == pytest.approx(30)
    for sex, each in ((True, 30 / 20), (False, 30 / 40)):
        for speaker in np.unique(pieces.speakers[pieces.male == sex]):
            for condition in ("whole", "piece"):
                of = (pieces.speakers == speaker) & (pieces.conditions == condition)
                assert weights[of].sum() == pytest.approx(each / 2)


def test_the_fit_is_the_minimum() -> None:
    """No small step from what is fitted has a lower cost."""
    pieces = made()
    weights, sign = pieces.weights(), np.where(pieces.male, -1, 1)
    found = fit(pieces.raw, pieces.male, weights, 0.1)

    def cost(at: np.ndarray) -> float:
        scores = pieces.raw @ at[:-1] + at[-1]
        return float(weights @ np.logaddexp(0, sign * scores) + 0.05 * at[:-1] @ at[:-1])

    rng = np.random.default_rng(1)
    assert all(cost(found + rng.normal(0, 0.01, 9)) > cost(found) for _ in range(50))


def test_no_score_by_a_fit_that_has_heard_the_speaker() -> None:
    """Where labels mean nothing, unseen speakers are told right no more often than by chance."""
    pieces = made(apart=0.0)
    right = ((unseen_scores(pieces, 0.01) > 0) == pieces.male) @ pieces.weights() / 60
    assert 0.3 < right < 0.65


def test_scores_are_calibrated() -> None:
    """Voices that overlap give scores of which no other scale or offset makes better ones."""
    pieces = made(speakers=300, apart=0.4)
    found, accuracies = trained(pieces)
    assert 0.75 < accuracies["whole"] < 0.95
    scores, weights = pieces.raw @ found[:-1] + found[-1], pieces.weights()
    costs = [cllr(scores * scale + offset, pieces.male, weights) for scale in (0.5, 1, 2) for offset in (-1, 0, 1)]
    assert min(costs) == costs[4] < 0.8


@pytest.mark.long
def test_the_command(tmp_path: Path, models_dir: Path) -> None:
    """From recordings and a table of labels the command makes a head that loads."""
    names = ("demo.flac", "answer.flac", "opus.opus", "ulaw-8k.wav")
    for name in names:
        shutil.copy(RECORDINGS / name, tmp_path / name)
    rows = [f"{name},{number},{'MF'[number % 2]}" for number, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,speaker,sex", *rows]) + "\n")
    command = [sys.executable, "-m", "benchmarks.gender_head", tmp_path, "--labels", tmp_path / "labels.csv"]
    options = ["--out", tmp_path / "out", "--models-dir", models_dir, "--verify", tmp_path]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "white noise at 10 dB, 3 s" in done.stdout
    head = load_head(tmp_path / "out" / "gender-ge2e.toml")
    assert np.isfinite(head.tell(np.eye(256, dtype=np.float32))).all()
