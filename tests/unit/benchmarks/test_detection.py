"""Error rates of a detector."""

import numpy as np
import pytest

from benchmarks.detection import equal_error_rate, error_rates, minimum_detection_cost


def test_separated_scores_have_no_errors() -> None:
    """Scores that do not overlap give 0 for every measure."""
    targets, nontargets = np.array([0.8, 0.9]), np.array([0.1, 0.2, 0.3])
    assert equal_error_rate(targets, nontargets) == 0
    assert minimum_detection_cost(targets, nontargets, 0.01) == 0


def test_one_error_of_each_kind() -> None:
    """With one of four on either side wrong, the equal error rate is a quarter."""
    targets, nontargets = np.array([0.4, 0.7, 0.8, 0.9]), np.array([0.1, 0.2, 0.3, 0.5])
    assert equal_error_rate(targets, nontargets) == pytest.approx(0.25)


def test_useless_scores() -> None:
    """A detector that gives every trial one score is wrong half of the time, and costs as much as none."""
    ones = np.ones(10)
    assert equal_error_rate(ones, ones) == pytest.approx(0.5)
    assert minimum_detection_cost(ones, ones, 0.01) == pytest.approx(1)


def test_cost_weighs_by_prior() -> None:
    """At a prior of 1 % a miss costs as much as 99 false alarms."""
    targets, nontargets = np.array([0.2, 0.8, 0.9, 1.0]), np.linspace(0, 0.3, 1000)
    assert minimum_detection_cost(targets, nontargets, 0.01) == pytest.approx(0.25)


def test_rates_from_everything_to_nothing() -> None:
    """Misses rise from 0 to 1 and false alarms fall from 1 to 0."""
    generator = np.random.default_rng(1)
    misses, false_alarms = error_rates(generator.normal(1, 1, 500), generator.normal(0, 1, 700))
    assert (misses[0], misses[-1], false_alarms[0], false_alarms[-1]) == (0, 1, 1, 0)
    assert (np.diff(misses) >= 0).all()
    assert (np.diff(false_alarms) <= 0).all()


def test_normal_scores_have_the_known_rate() -> None:
    """Two normal distributions two deviations apart have an equal error rate of 15.87 %."""
    generator = np.random.default_rng(2)
    assert equal_error_rate(generator.normal(2, 1, 50_000), generator.normal(0, 1, 50_000)) == pytest.approx(
        0.1587, abs=0.003
    )
