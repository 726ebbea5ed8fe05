"""Thresholds that give a false match rate, and what is said of them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.shadow.outcome import HERE, OTHER, Outcome, measured
from appliance.shadow.thresholds import rates_at, threshold_at
from appliance.shadow.trial_list import read
from onnx_models.fitting.detection import tally
from schemas.errors import ConfigurationError

SCORES = st.lists(st.integers(-40, 40).map(lambda score: score / 8), min_size=1, max_size=30)


@given(SCORES, SCORES, st.floats(0, 1))
def test_a_threshold_keeps_its_rate_and_misses_no_more_than_it_must(
    targets: list[float], nontargets: list[float], rate: float
) -> None:
    """Accepting what reaches it gives at most the rate, and so many misses as the best of all thresholds that do."""
    trials = tally(np.array(targets), np.array(nontargets))
    found = threshold_at(trials, rate)
    false_matches, misses = rates_at(trials, found)
    assert false_matches == np.mean(np.array(nontargets) >= found) <= rate
    assert misses == np.mean(np.array(targets) < found)
    for other in (*targets, *nontargets, 100.0):
        if np.mean(np.array(nontargets) >= other) <= rate:
            assert misses <= np.mean(np.array(targets) < other)


@given(SCORES, SCORES, st.sampled_from((0.0, 0.1, 0.25, 0.5, 1.0)))
def test_a_threshold_is_a_short_number(targets: list[float], nontargets: list[float], rate: float) -> None:
    """Scores in eighths are told apart by a number of at most two decimals, unless it lies above all of them."""
    found = threshold_at(tally(np.array(targets), np.array(nontargets)), rate)
    highest = max(*targets, *nontargets)
    assert found == round(found, 3) or found == np.nextafter(highest, np.inf)


def outcome(tmp_path: Path, nontargets: int, threshold: float) -> Outcome:
    """30 trials of one speaker and `nontargets` of two; the other's scores are tenths of those here, plus 1."""
    lines = [f"1 same{number % 6}/a same{number % 6}/b\n" for number in range(30)]
    lines += [f"0 same0/a other{number % 7}/b\n" for number in range(nontargets)]
    (tmp_path / "trials.txt").write_text("".join(lines))
    listed = read(tmp_path / "trials.txt")
    here = np.concatenate([np.linspace(0, 40, 30), np.linspace(-30, 10, nontargets)])
    return measured(listed, listed.trials, {HERE: here, OTHER: here / 10 + 1}, threshold)


def test_thresholds_move_with_the_scale(tmp_path: Path) -> None:
    """Of scores that differ by their scale alone the threshold is that of the other scale, with equal errors."""
    found = outcome(tmp_path, 1000, 1.5)
    assert found.figures[HERE]["threshold"].value == pytest.approx(5, abs=0.1)
    for name in ("EER", "FMR", "FNMR"):
        assert found.figures[HERE][name].value == found.figures[OTHER][name].value
    assert found.figures[HERE]["threshold"].interval is not None
    assert found.figures[OTHER]["threshold"].interval is None
    assert not found.note
    assert not found.differing
    assert found.correlations["all"] == pytest.approx(1)


def test_what_the_trials_do_not_support_is_said(tmp_path: Path) -> None:
    """Of 100 trials of two speakers nothing is told at 0.1 %, one false match is called rough, ten are as well."""
    found = outcome(tmp_path, 100, 9.0)
    assert [level.false_matches for level in found.levels] == [10, 1, 0]
    assert [level.note.partition(":")[0] for level in found.levels] == ["rough", "rough", "not told"]
    assert set(found.levels[2].thresholds.values()) == {None}
    assert "anything up to 3 %" in found.note
    assert found.figures[HERE]["FMR"].value == 0
    assert "anything up to 100 %" in outcome(tmp_path, 2, 9.0).note


def test_both_kinds_of_trials_are_needed(tmp_path: Path) -> None:
    """Without trials of two speakers there is nothing to measure, and the message says which are missing."""
    with pytest.raises(ConfigurationError, match="two speakers"):
        outcome(tmp_path, 0, 2.0)
