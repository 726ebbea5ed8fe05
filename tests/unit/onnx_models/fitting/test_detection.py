"""Error rates and costs of a detector."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from onnx_models.fitting.detection import (
    Order,
    Tally,
    cllr,
    equal_error_rate,
    error_rates,
    isotonic,
    minimum_cllr,
    minimum_detection_cost,
    miss_rate,
    tally,
)


def test_separated_scores_have_no_errors() -> None:
    """Scores that do not overlap give 0 for every measure but Cllr, which looks at the ratios themselves."""
    trials = tally(np.array([0.8, 0.9]), np.array([0.1, 0.2, 0.3]))
    assert equal_error_rate(trials) == 0
    assert minimum_detection_cost(trials, 0.01) == 0
    assert miss_rate(trials, 0.001) == 0
    assert minimum_cllr(trials) == 0
    assert cllr(trials) > 0.5


def test_one_error_of_each_kind() -> None:
    """With one of four on either side wrong, the equal error rate is a quarter."""
    assert equal_error_rate(tally(np.array([0.4, 0.7, 0.8, 0.9]), np.array([0.1, 0.2, 0.3, 0.5]))) == pytest.approx(
        0.25
    )


def test_useless_scores() -> None:
    """A detector that gives every trial one score is wrong half of the time, and costs as much as none."""
    trials = tally(np.zeros(10), np.zeros(10))
    assert equal_error_rate(trials) == pytest.approx(0.5)
    assert minimum_detection_cost(trials, 0.01) == pytest.approx(1)
    assert miss_rate(trials, 0.01) == 1
    assert (cllr(trials), minimum_cllr(trials)) == (pytest.approx(1), pytest.approx(1))


def test_cost_weighs_by_prior() -> None:
    """At a prior of 1 % a miss costs as much as 99 false alarms."""
    trials = tally(np.array([0.2, 0.8, 0.9, 1.0]), np.linspace(0, 0.3, 1000))
    assert minimum_detection_cost(trials, 0.01) == pytest.approx(0.25)


def test_rates_from_everything_to_nothing() -> None:
    """Misses rise from 0 to 1 and false matches fall from 1 to 0."""
    generator = np.random.default_rng(1)
    misses, false_matches = error_rates(tally(generator.normal(1, 1, 500), generator.normal(0, 1, 700)))
    assert (misses[0], misses[-1], false_matches[0], false_matches[-1]) == (0, 1, 1, 0)
    assert (np.diff(misses) >= 0).all()
    assert (np.diff(false_matches) <= 0).all()


def test_normal_scores_have_the_known_rate() -> None:
    """Two normal distributions two deviations apart have an equal error rate of 15.87 %."""
    generator = np.random.default_rng(2)
    trials = tally(generator.normal(2, 1, 50_000), generator.normal(0, 1, 50_000))
    assert equal_error_rate(trials) == pytest.approx(0.1587, abs=0.003)


def test_miss_rate_at_a_false_match_rate() -> None:
    """One of a hundred non-targets may be accepted at 1 %; the targets below the next one are missed."""
    trials = tally(np.array([0.5, 0.97, 0.985, 2.0]), np.arange(100) / 100)
    assert miss_rate(trials, 0.01) == 0.5
    assert miss_rate(trials, 0.0) == 0.75


def test_cllr_by_hand() -> None:
    """A target and a non-target with the ratio 3 cost log2(4/3) / 2 and log2(4) / 2 bits."""
    trials = tally(np.array([np.log(3)]), np.array([np.log(3)]))
    assert cllr(trials) == pytest.approx((np.log2(4 / 3) + np.log2(4)) / 2)


def test_calibrated_scores_lose_nothing() -> None:
    """True log-likelihood ratios of normal scores cost what isotonic regression leaves, and it is never more."""
    generator = np.random.default_rng(3)
    trials = tally(generator.normal(2, 2, 20_000), generator.normal(-2, 2, 20_000))
    assert 0 <= cllr(trials) - minimum_cllr(trials) < 0.005
    wrong = Tally(trials.scores * 3 + 2, trials.targets, trials.nontargets)
    assert cllr(wrong) > 0.3 + minimum_cllr(wrong)
    assert minimum_cllr(wrong) == pytest.approx(minimum_cllr(trials))


def test_minimum_cllr_by_hand() -> None:
    """Two overlapping trials of four are pooled: half of the trials cost a bit each."""
    assert minimum_cllr(tally(np.array([1.0, 3.0]), np.array([0.0, 2.0]))) == pytest.approx(0.5)


@pytest.mark.parametrize("size", [1, 2, 50, 5000])
def test_isotonic_is_that_of_an_independent_library(size: int) -> None:
    """scikit-learn's isotonic regression of random values and weights is met to 1e-9."""
    generator = np.random.default_rng(size)
    values = generator.normal(size=size) + np.linspace(0, 2, size)
    weights = generator.uniform(0.1, 2, size)
    expected = IsotonicRegression().fit_transform(np.arange(size), values, sample_weight=weights)
    np.testing.assert_allclose(isotonic(values, weights), expected, atol=1e-9)


def test_weights_stand_for_copies() -> None:
    """A trial of weight 3 counts as three, one of weight 0 not at all."""
    generator = np.random.default_rng(4)
    scores, is_target = generator.normal(size=60).round(1), np.arange(60) < 20
    scores[is_target] += 1
    weights = generator.integers(0, 4, 60)
    weighted = Order(scores, is_target).tally(weights)
    copied = tally(np.repeat(scores, weights * is_target), np.repeat(scores, weights * ~is_target))
    for measure in (equal_error_rate, cllr, minimum_cllr):
        assert measure(weighted) == pytest.approx(measure(copied))
    assert miss_rate(weighted, 0.1) == pytest.approx(miss_rate(copied, 0.1))


def test_both_kinds_of_trials_are_needed() -> None:
    """Trials of one kind alone say nothing about a detector."""
    with pytest.raises(ValueError, match="target"):
        tally(np.array([1.0]), np.array([]))
