"""Log-likelihood ratios of cosines, and their fit."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from onnx_models.calibration import Calibration, shortness
from onnx_models.fitting.detection import cllr, minimum_cllr, tally
from onnx_models.fitting.regression import Scored, fit, logistic

BY_LENGTH = Calibration(
    slope=20.0,
    offset=-10.0,
    short_offset=8.0,
    both_short_offset=-5.0,
    short_slope=-12.0,
    short_speech=1.0,
    long_speech=9.0,
    fitted="2026-01-02",
)


def trials(count: int, generator: np.random.Generator, distance: float = 2.0) -> Scored:
    """Normal scores, targets being a fifth, `distance` deviations of 0.2 above the others, with any speech length."""
    is_target = np.arange(count) % 5 == 0
    scores = generator.normal(0.2 * distance * is_target, 0.2)
    return Scored(scores, generator.uniform(1, 10, count), generator.uniform(1, 10, count), is_target)


def test_long_speech_is_slope_and_offset() -> None:
    """For long speech, or speech whose length is not known, a ratio is slope times cosine plus offset."""
    cosines = np.array([[0.5, -0.2]])
    expected = 20 * cosines - 10
    np.testing.assert_allclose(BY_LENGTH.llr(cosines, [9.0], [30.0, 9.0]), expected)
    np.testing.assert_allclose(BY_LENGTH.llr(cosines, [np.nan], [np.nan, np.nan]), expected)
    np.testing.assert_allclose(BY_LENGTH.llr(cosines, None, None), expected)


def test_shortest_speech_has_every_term() -> None:
    """At the shortest speech on both sides all terms count in full, and shorter speech is taken for that."""
    for seconds in (1.0, 0.2):
        np.testing.assert_allclose(BY_LENGTH.llr(np.array([[0.5]]), [seconds], [seconds]), [[8 * 0.5 - 10 + 8 - 5]])


def test_sides_are_alike() -> None:
    """Which side of a trial is called the first changes nothing."""
    cosines = np.array([[0.1, 0.4], [0.7, -0.3], [0.0, 1.0]])
    speech_a, speech_b = [0.5, 2.0, 20.0], [1.0, 4.0]
    np.testing.assert_array_equal(
        BY_LENGTH.llr(cosines, speech_a, speech_b), BY_LENGTH.llr(cosines.T, speech_b, speech_a).T
    )


def test_ratios_rise_with_the_cosine() -> None:
    """Whatever the speech lengths, a higher cosine is a higher ratio."""
    cosines = np.linspace(-1, 1, 201)[:, np.newaxis]
    for a in (0.0, 1.0, 2.0, 5.0, 60.0):
        ratios = BY_LENGTH.llr(cosines, np.full(201, a), [0.3, 3.0, 9.0])
        assert (np.diff(ratios[:, :1], axis=0) > 0).all()


def test_shortness_falls_from_one_to_zero() -> None:
    """Shortness is 1 up to short speech, 0 from long speech on, and falls in between."""
    found = shortness([0.0, 1.0, 2.0, 5.0, 9.0, 100.0, np.nan], 1.0, 9.0)
    assert found[[0, 1, 4, 5, 6]].tolist() == [1, 1, 0, 0, 0]
    assert 1 > found[2] > found[3] > 0


@pytest.mark.parametrize(
    "change",
    [
        {"slope": 0.0},
        {"slope": -1.0},
        {"short_slope": -20.0},
        {"offset": float("nan")},
        {"short_speech": 9.0},
        {"fitted": "yesterday"},
    ],
)
def test_impossible_calibrations_are_refused(change: dict[str, float]) -> None:
    """Ratios that fall with the cosine, numbers that are none and days that were not cannot be made."""
    with pytest.raises(ValueError, match=r"."):
        Calibration.from_record(BY_LENGTH.record() | change)


def test_a_record_comes_back() -> None:
    """What a calibration writes reads back as the same; another record is refused."""
    assert Calibration.from_record(BY_LENGTH.record()) == BY_LENGTH
    for wrong in ({}, BY_LENGTH.record() | {"more": 1}, BY_LENGTH.record() | {"slope": None}, [], {"slope": 1.0}):
        with pytest.raises(ValueError, match="calibration"):
            Calibration.from_record(wrong)  # type: ignore[arg-type]


def test_logistic_is_that_of_an_independent_library() -> None:
    """scikit-learn's weighted logistic regression without penalty is met to 1e-4."""
    generator = np.random.default_rng(1)
    terms = np.stack([generator.normal(size=2000), generator.uniform(size=2000), np.ones(2000)], axis=1)
    labels = (generator.uniform(size=2000) < 1 / (1 + np.exp(-(2 * terms[:, 0] - terms[:, 1] + 0.5)))).astype(float)
    weights = generator.uniform(0.1, 1, 2000)
    weights /= weights.sum()
    oracle = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000)
    expected = oracle.fit(terms, labels, sample_weight=weights * 2000).coef_[0]
    np.testing.assert_allclose(logistic(terms, labels, weights), expected, atol=1e-4)


def test_fit_finds_the_true_ratios() -> None:
    """Of normal scores of one deviation the ratio is a line, known in closed form."""
    found = fit(trials(200_000, np.random.default_rng(2)), quality_terms=0)
    assert found is not None
    # Means 0.4 and 0, deviation 0.2: slope 0.4 / 0.04, and 0 in the middle.
    assert found.slope == pytest.approx(10, rel=0.03)
    assert found.offset == pytest.approx(-2, rel=0.05)


def test_the_prior_of_the_fit_is_taken_off_again() -> None:
    """Whatever prior the targets are weighed with, the ratios are the same."""
    generator = np.random.default_rng(3)
    found = [fit(trials(200_000, generator), quality_terms=0, target_prior=prior) for prior in (0.1, 0.5, 0.9)]
    assert [calibration.offset for calibration in found if calibration] == pytest.approx([-2, -2, -2], rel=0.1)


def test_separable_scores_give_finite_ratios() -> None:
    """Without any overlap ratios stay finite, and grow with the number of trials that were seen."""
    steepest = []
    for count in (10, 100, 1000):
        scores = np.concatenate([np.linspace(0.6, 0.9, count), np.linspace(-0.2, 0.2, count)])
        found = fit(
            Scored(scores, np.ones(2 * count), np.ones(2 * count), np.arange(2 * count) < count), quality_terms=0
        )
        assert found is not None
        steepest.append(found.slope)
    assert steepest == sorted(steepest)
    assert steepest[-1] < 100


def test_quality_terms_help_where_length_matters() -> None:
    """Where targets score lower with less speech, terms for it bring Cllr to that of the best monotone change."""
    generator = np.random.default_rng(4)
    is_target = np.arange(60_000) % 2 == 0
    speech_a, speech_b = generator.choice([1.0, 8.0], (2, 60_000))
    level = np.where((speech_a == 1) & (speech_b == 1), 0.3, np.where(speech_a == speech_b, 0.8, 0.5))
    scores = generator.normal(level * is_target, 0.1)
    scored = Scored(scores, speech_a, speech_b, is_target)
    costs = []
    for terms in range(4):
        found = fit(scored, quality_terms=terms)
        assert found is not None
        short_a, short_b = (shortness(speech, found.short_speech, found.long_speech) for speech in (speech_a, speech_b))
        ratios = found.of_trials(scores, short_a, short_b)
        costs.append(cllr(tally(ratios[is_target], ratios[~is_target])))
    assert costs[2] < 0.8 * costs[0]
    assert costs == sorted(costs, reverse=True)
    best = tally(ratios[is_target], ratios[~is_target])
    assert cllr(best) - minimum_cllr(best) < 0.01


def test_equal_lengths_have_no_quality_terms() -> None:
    """Where every side has about as much speech, nothing is said about other lengths."""
    generator = np.random.default_rng(5)
    alike = trials(1000, generator)
    alike = Scored(alike.scores, np.full(1000, 3.0), np.full(1000, 3.3), alike.is_target)
    assert fit(alike, quality_terms=1) is None
    plain = fit(alike, quality_terms=0)
    assert plain is not None
    assert plain.short_offset == plain.short_slope == 0


def test_scores_the_wrong_way_round_are_not_calibrated() -> None:
    """Scores that are lower for one speaker than for two have no calibration."""
    assert fit(trials(1000, np.random.default_rng(6), distance=-2), quality_terms=0) is None
