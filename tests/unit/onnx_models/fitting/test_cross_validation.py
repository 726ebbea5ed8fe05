"""Profiles fitted on some speakers and measured on others."""

from dataclasses import replace

import numpy as np
import pytest

from onnx_models.fitting.cross_validation import FOLDS, STEPS, fitted
from onnx_models.fitting.detection import Order, cllr, minimum_cllr
from onnx_models.fitting.outcome import by_fitting, by_measuring
from onnx_models.fitting.trial_scores import Material, TrialScores
from onnx_models.fitting.trials import Collection, Trials, every_pair, listed
from onnx_models.profiles import Profile
from onnx_models.scorer import Scorer
from onnx_models.scoring import centred
from schemas.errors import ConfigurationError
from tests.unit.onnx_models.known_speakers import DIMENSION, known_speakers

NO_MEAN = np.zeros(DIMENSION, np.float32)


def material(collection: Collection, unit_length: bool = True) -> Material:
    return Material(collection, every_pair(collection, np.arange(len(collection.speakers))), NO_MEAN, unit_length)


def test_a_calibration_holds_for_other_speakers() -> None:
    """Held-out ratios lose little to calibration, and the profile is as good on speakers it never saw."""
    known = material(known_speakers(30, 4))
    steps: list[None] = []
    found = fitted(known, name="some", space="space-1", step=lambda: steps.append(None))
    assert len(steps) == STEPS
    held_out = Order(found.llrs, known.trials.is_target).tally()
    assert cllr(held_out) - minimum_cllr(held_out) < 0.03
    others = material(known_speakers(30, 4, seed=2))
    measured = by_measuring(others, found.profile).groups[0].figures
    assert measured["Cllr"].value - measured["minCllr"].value < 0.05
    assert measured["Cllr"].value == pytest.approx(cllr(held_out), abs=0.1)


@pytest.mark.parametrize("unit_length", [True, False])
def test_a_mean_is_fitted_where_it_helps(unit_length: bool) -> None:
    """Where all voices share a direction that the model's own mean does not hold, the recordings' mean takes it off."""
    known = known_speakers(40, 4, shared=6, noise=1.0, speech=4.0)
    shared = fitted(material(known, unit_length), name="some", space="space-1")
    assert shared.variant.fitted_mean
    assert shared.profile.mean[0] == np.abs(shared.profile.mean).max()
    plain = fitted(material(known_speakers(20, 4, shared=0), unit_length), name="some", space="space-1")
    assert not plain.variant.fitted_mean
    np.testing.assert_array_equal(plain.profile.mean, NO_MEAN)


def test_speech_length_counts_where_it_helps() -> None:
    """Terms for speech length are kept where lengths vary, and cannot be where they do not."""
    varying = fitted(material(known_speakers(30, 4, noise=1.0)), name="some", space="space-1")
    assert varying.variant.quality_terms > 0
    alike = fitted(material(known_speakers(10, 4, speech=4.0)), name="some", space="space-1")
    assert {variant.quality_terms for variant in alike.held_out} == {0}


def test_a_cohort_counts_where_it_helps() -> None:
    """With a cohort both are tried, and the choice is the one of lower held-out Cllr, up to a hundredth of it."""
    known = material(known_speakers(20, 4))
    cohort = known_speakers(30, 1, seed=9).raw
    found = fitted(replace(known, cohort=cohort), name="some", space="space-1")
    assert {variant.cohort for variant in found.held_out} == {True, False}
    assert found.held_out[found.variant] * 0.99 <= min(found.held_out.values())
    assert (found.profile.cohort is not None) == found.variant.cohort


@pytest.mark.parametrize("cohort", [None, known_speakers(30, 1, seed=9).raw])
def test_trials_are_scored_as_the_scorer_does(cohort: np.ndarray | None) -> None:
    """What is measured is what the service gives: the ratios of trials are those of the stored vectors, to 1e-3."""
    known = material(known_speakers(8, 3))
    fit = fitted(replace(known, cohort=cohort), name="some", space="space-1").profile
    profile = Profile("some", "space-1", fit.mean, fit.calibration, "2026-01-02", cohort)
    assert profile.calibration is not None
    own = np.full(DIMENSION, 0.05, np.float32)
    stored, speech = centred(known.collection.raw, own), known.collection.speech
    ratios = Scorer(own, True, profile).llr(stored, speech, stored, speech)
    measured = TrialScores(known).ratios(profile, profile.calibration)
    np.testing.assert_allclose(measured, ratios[known.trials.side_a, known.trials.side_b], atol=1e-3)


def test_held_out_means_do_not_know_the_speaker() -> None:
    """Voices that are nothing but noise are told apart by no mean: held-out Cllr does not fall below 1."""
    generator = np.random.default_rng(5)
    nobody = replace(known_speakers(6, 4), raw=generator.normal(size=(24, DIMENSION)).astype(np.float32))
    scores = TrialScores(material(nobody)).of(fitted_mean=True, cohort=False, included=np.ones(6, bool))
    is_target = material(nobody).trials.is_target
    assert abs(scores[is_target].mean() - scores[~is_target].mean()) < 0.15


def test_a_list_may_compare_some_with_others_only() -> None:
    """Of a list, too, every trial is scored without the folds of its two speakers."""
    collection = known_speakers(10, 3)
    everything = every_pair(collection, np.arange(30))
    pairs = np.stack([everything.side_a, everything.side_b], axis=1)[::3]
    known = Material(collection, listed(pairs.tolist(), collection.speakers), NO_MEAN, True)
    found = fitted(known, name="some", space="space-1")
    assert np.isfinite(found.llrs).all()
    assert len(found.llrs) == len(pairs)


@pytest.mark.parametrize("speaker_is_included", [True, False])
def test_a_trial_is_scored_without_its_speakers(speaker_is_included: bool) -> None:
    """Under a fitted mean a trial's score is the same, whatever else its speakers recorded."""
    collection = known_speakers(6, 3)
    moved = collection.raw.copy()
    moved[2] = -moved[2]
    included = np.arange(6) > (-1 if speaker_is_included else 0)
    first, second = (
        TrialScores(material(replace(collection, raw=raw))).of(fitted_mean=True, cohort=False, included=included)
        for raw in (collection.raw, moved)
    )
    trials = material(collection).trials
    of_the_speaker = (trials.side_a < 2) & (trials.side_b != 2)
    np.testing.assert_array_equal(first[of_the_speaker], second[of_the_speaker])
    assert np.array_equal(first[trials.side_a > 2], second[trials.side_a > 2]) != speaker_is_included


def test_the_outcome_compares_with_the_models_own_profile() -> None:
    """Beside the fitted profile stand the figures of the model's own on the same trials, where it is calibrated."""
    known = material(known_speakers(20, 4))
    own = fitted(material(known_speakers(20, 4, seed=2)), name="own", space="space-1", means=(False,)).profile
    outcome = by_fitting(known, own, name="some", step=lambda: None)
    assert outcome.before == by_measuring(known, own).groups
    assert outcome.groups[0].targets == outcome.before[0].targets
    assert outcome.record()["trials"][0]["EER"]["value"] == outcome.groups[0].figures["EER"].value
    assert by_fitting(known, replace(own, calibration=None), name="some", step=lambda: None).before == ()


def test_too_few_speakers_are_named() -> None:
    """Fewer speakers than folds, or with trials, cannot be held out; the error says how many are needed."""
    with pytest.raises(ConfigurationError, match=rf"there are 4 speakers; at least {FOLDS}"):
        fitted(material(known_speakers(4, 3)), name="some", space="space-1")
    with pytest.raises(ConfigurationError, match="--pieces"):
        fitted(material(known_speakers(8, 1)), name="some", space="space-1")


def test_missing_kinds_of_trials_are_named() -> None:
    """A list with trials of one kind alone is refused."""
    known = material(known_speakers(8, 3))
    targets = known.trials.where(known.trials.is_target)
    with pytest.raises(ConfigurationError, match="no trials of two speakers"):
        fitted(replace(known, trials=targets), name="some", space="space-1")
    few = Trials(targets.side_a[:3], targets.side_b[:3], targets.is_target[:3])
    with pytest.raises(ConfigurationError, match="only 1 of 8 speakers"):
        fitted(replace(known, trials=few), name="some", space="space-1")


def test_scores_that_say_nothing_are_named() -> None:
    """Recordings that lie with the wrong speakers have no calibration, and the error says where to look."""
    collection = known_speakers(10, 4)
    wrong = replace(collection, speakers=np.arange(40) % 10)
    with pytest.raises(ConfigurationError, match="right speakers"):
        fitted(material(wrong), name="some", space="space-1")
