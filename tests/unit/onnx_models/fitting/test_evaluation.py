"""Measures with intervals over the speakers."""

import numpy as np
import pytest

from onnx_models.fitting.detection import equal_error_rate, tally
from onnx_models.fitting.evaluation import MEASURES, groups, measured
from onnx_models.fitting.trials import every_pair
from tests.unit.onnx_models.known_speakers import known_speakers

COLLECTION = known_speakers(12, 5)
TRIALS = every_pair(COLLECTION, np.arange(60))
LLRS = np.random.default_rng(1).normal(np.where(TRIALS.is_target, 1.5, -1.5), 1.5)


def test_every_measure_has_an_interval_around_it() -> None:
    """Each measure lies within its interval, which is not empty; the EER is that of the trials."""
    group = measured("all", LLRS, TRIALS, COLLECTION)
    assert group is not None
    assert list(group.figures) == list(MEASURES)
    for figure in group.figures.values():
        assert figure.interval is not None
        low, high = figure.interval
        assert low <= figure.value <= high
        assert low < high
    assert group.figures["EER"].value == equal_error_rate(tally(LLRS[TRIALS.is_target], LLRS[~TRIALS.is_target]))
    assert (group.speakers, group.targets, group.nontargets) == (12, 120, 1650)


def test_figures_are_the_same_in_every_run() -> None:
    """The bootstrap is seeded."""
    assert measured("all", LLRS, TRIALS, COLLECTION) == measured("all", LLRS, TRIALS, COLLECTION)


def test_one_bad_speaker_widens_the_interval() -> None:
    """Errors that all come from one speaker leave more doubt than as many spread over all: the speakers are drawn."""
    of_targets = COLLECTION.speakers[TRIALS.side_a[TRIALS.is_target]]
    perfect = np.where(TRIALS.is_target, 5.0, -5.0)
    one, spread = perfect.copy(), perfect.copy()
    (targets,) = np.nonzero(TRIALS.is_target)
    one[targets[of_targets == 3]] = -5
    spread[targets[::12]] = -5
    widths = []
    for llrs in (one, spread):
        group = measured("all", llrs, TRIALS, COLLECTION)
        assert group is not None
        interval = group.figures["Cllr"].interval
        assert interval is not None
        widths.append(interval[1] - interval[0])
    assert widths[0] > 1.5 * widths[1]


@pytest.mark.parametrize(("speakers", "told"), [(2, False), (4, False), (5, True)])
def test_a_few_speakers_have_no_interval(speakers: int, told: bool) -> None:
    """Fewer than five speakers have figures without intervals, which say nothing of so few."""
    collection = known_speakers(speakers, 5)
    trials = every_pair(collection, np.arange(5 * speakers))
    group = measured("all", np.where(trials.is_target, 1.0, -1.0), trials, collection)
    assert group is not None
    assert all((figure.interval is not None) == told for figure in group.figures.values())


def test_groups_by_sex_compare_within_it() -> None:
    """Trials of F and of M have both sides of that sex, and are as many as there are pairs."""
    found = groups(LLRS, TRIALS, COLLECTION)
    assert [(group.name, group.speakers, group.targets) for group in found] == [
        ("all", 12, 120),
        ("F", 6, 60),
        ("M", 6, 60),
    ]
    assert found[1].nontargets == 15 * 25


@pytest.mark.parametrize("kind", [True, False])
def test_trials_of_one_kind_have_no_figures(kind: bool) -> None:
    """Without targets, or without others, there is nothing to measure."""
    chosen = TRIALS.is_target == kind
    assert groups(LLRS[chosen], TRIALS.where(chosen), COLLECTION) == []
