"""A profile fitted on recordings of known speakers, and what it is worth on speakers that it has not seen.

Speakers are dealt into folds. A trial is held out together with the folds of both of its speakers: what scores it, mean
and calibration, was fitted on the other folds. Whatever is optional is kept only where it lowers the Cllr of the
held-out trials.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from onnx_models.calibration import Calibration, Numbers
from onnx_models.fitting.detection import Order, cllr
from onnx_models.fitting.regression import QUALITY_TERMS, Scored, fit
from onnx_models.fitting.trial_scores import Material, TrialScores
from onnx_models.fitting.trials import Indices
from onnx_models.profiles import Profile
from schemas.errors import ConfigurationError

FOLDS = 5
# How many times `step` is called: every fold and every pair of folds is held out once, then all are fitted on.
STEPS = FOLDS * (FOLDS + 1) // 2 + 1
# What is optional has to lower the held-out Cllr to this share of it.
_HELPS = 0.99
_SEED = 3


@dataclass(frozen=True, slots=True)
class Variant:
    """What a profile consists of: a mean of its own or the model's, a cohort to normalise against, quality terms."""

    fitted_mean: bool
    cohort: bool
    quality_terms: int

    def __str__(self) -> str:
        mean = "mean of these recordings" if self.fitted_mean else "the model's own mean"
        terms = ", ".join(QUALITY_TERMS[: self.quality_terms]) or "none"
        return f"{mean}; {'normalised against the cohort; ' * self.cohort}terms for speech length: {terms}"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A profile, the `variant` it is of, the ratios that every trial was given when it was held out, (trials,), and the
    held-out Cllr of every variant that could be fitted."""

    profile: Profile
    variant: Variant
    llrs: Numbers
    held_out: dict[Variant, float]


def fitted(
    material: Material,
    *,
    name: str,
    space: str,
    means: Sequence[bool] = (False, True),
    step: Callable[[], None] = lambda: None,
) -> Fitted:
    """The profile `name` of `space` that does best on held-out speakers; `means` says whose are tried: False the
    model's, True that of the recordings.

    Raises ConfigurationError when there are too few speakers or trials, or no scores that tell speakers apart.
    """
    dealt = _dealt(material)
    scores = TrialScores(material)
    cohorts = (False,) if material.cohort is None else (False, True)
    variants = [
        Variant(mean, cohort, terms) for mean in means for cohort in cohorts for terms in range(len(QUALITY_TERMS) + 1)
    ]
    llrs = {variant: np.full(len(material.trials), np.nan) for variant in variants}
    for included, test in _folds(material, dealt):
        for variant, found, calibration in _calibrations(material, scores, variants, included):
            if calibration:
                llrs[variant][test] = scores.calibrated(calibration, found)[test]
        step()
    held_out = {
        variant: cllr(Order(ratios, material.trials.is_target).tally())
        for variant, ratios in llrs.items()
        if np.isfinite(ratios).all()
    }
    if not held_out:
        raise ConfigurationError(
            "trials of one speaker do not score higher than trials of two, so there is nothing to calibrate: "
            "see whether the recordings lie with the right speakers, and hold speech"
        )
    chosen = next(variant for variant in variants if held_out.get(variant, np.inf) * _HELPS <= min(held_out.values()))
    everyone = np.ones(material.collection.speaker_count, bool)
    ((_, _, calibration),) = _calibrations(material, scores, [chosen], everyone)
    step()
    profile = Profile(
        name=name,
        space=space,
        mean=scores.mean(everyone) if chosen.fitted_mean else material.own_mean,
        calibration=calibration,
        created=datetime.now(UTC).date().isoformat(),
        cohort=material.cohort if chosen.cohort else None,
    )
    return Fitted(profile, chosen, llrs[chosen], held_out)


def _dealt(material: Material) -> Indices:
    """The fold of every speaker, (speakers,): those with target trials first, that every fold may have some."""
    trials, speakers = material.trials, material.collection.speakers
    count = material.collection.speaker_count
    if count < FOLDS:
        raise ConfigurationError(
            f"there {'is 1 speaker' if count == 1 else f'are {count} speakers'}; at least {FOLDS} are needed, because "
            "what is fitted on some has to be measured on others"
        )
    with_targets = np.unique(speakers[trials.side_a[trials.is_target]])
    if not len(with_targets):
        raise ConfigurationError(
            "no speaker has two recordings, so there are no trials of one speaker: add recordings, or cut those there "
            "are with --pieces"
        )
    if len(with_targets) < FOLDS:
        raise ConfigurationError(
            f"only {len(with_targets)} of {count} speakers have trials of one speaker; at least {FOLDS} are needed: "
            "add recordings of more speakers, or cut those there are with --pieces"
        )
    if trials.is_target.all():
        raise ConfigurationError("there are no trials of two speakers: add some, with label 0, to the list")
    generator = np.random.default_rng(_SEED)
    without = np.setdiff1d(np.arange(count), with_targets)
    dealt = np.empty(count, np.int64)
    dealt[np.concatenate([generator.permutation(with_targets), generator.permutation(without)])] = (
        np.arange(count) % FOLDS
    )
    return dealt


def _folds(material: Material, dealt: Indices) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """For every fold and every two: the speakers of the others, and the trials of speakers of just these."""
    speakers, trials = material.collection.speakers, material.trials
    fold_a, fold_b = dealt[speakers[trials.side_a]], dealt[speakers[trials.side_b]]
    for first, second in combinations_with_replacement(range(FOLDS), 2):
        test = ((fold_a == first) & (fold_b == second)) | ((fold_a == second) & (fold_b == first))
        yield (dealt != first) & (dealt != second), test


def _calibrations(
    material: Material, scores: TrialScores, variants: Sequence[Variant], included: npt.NDArray[np.bool_]
) -> Iterator[tuple[Variant, Numbers, Calibration | None]]:
    """Every variant's scores of all trials, and its calibration fitted on the trials of the `included` speakers."""
    collection, trials = material.collection, material.trials
    training = included[collection.speakers[trials.side_a]] & included[collection.speakers[trials.side_b]]
    if not trials.is_target[training].any() or trials.is_target[training].all():
        raise ConfigurationError(
            "with some speakers held out, the others have no trials of one speaker, or none of two: add trials"
        )
    speech_a, speech_b = collection.speech[trials.side_a], collection.speech[trials.side_b]
    found: dict[tuple[bool, bool], Numbers] = {}
    for variant in variants:
        kind = variant.fitted_mean, variant.cohort
        if kind not in found:
            found[kind] = scores.of(fitted_mean=variant.fitted_mean, cohort=variant.cohort, included=included)
        scored = Scored(found[kind][training], speech_a[training], speech_b[training], trials.is_target[training])
        yield variant, found[kind], fit(scored, quality_terms=variant.quality_terms)
