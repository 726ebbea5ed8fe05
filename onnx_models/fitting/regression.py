"""Fitting a calibration: logistic regression by Newton's method, with as many quality terms as are asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from onnx_models.calibration import Calibration, Numbers, shortness

# The quality terms, in the order in which a calibration has more of them.
QUALITY_TERMS = ("short_offset", "both_short_offset", "short_slope")
# Of the speech lengths that are fitted on, these shares are shorter than short and longer than long.
_BOUNDS = (0.05, 0.95)
# Lengths that vary less say nothing about other lengths.
_LEAST_RATIO = 1.5
_ITERATIONS = 100
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Trials with their scores, seconds of speech on either side, and whether they are targets, all (trials,)."""

    scores: Numbers
    speech_a: Numbers
    speech_b: Numbers
    is_target: npt.NDArray[np.bool_]


def fit(trials: Scored, *, quality_terms: int, target_prior: float = 0.5) -> Calibration | None:
    """The calibration with the first so many of QUALITY_TERMS.

    Targets weigh `target_prior` together, non-targets the rest, whatever their numbers. Labels are not 1 and 0: of n
    trials of a kind, one in n + 2 is taken to be of the other, so that scores without any overlap give finite ratios,
    which grow with the number of trials. Platt, "Probabilistic outputs for support vector machines", 1999.

    None when the lengths hardly vary but are asked for, or when ratios would not rise with the score for every length.
    """
    lengths = np.concatenate([trials.speech_a, trials.speech_b])
    short_speech, long_speech = (float(bound) for bound in np.quantile(lengths, _BOUNDS))
    if long_speech < _LEAST_RATIO * short_speech or long_speech <= 0:
        if quality_terms:
            return None
        short_speech = 0.0
    short_a, short_b = (
        shortness(speech, short_speech, long_speech) if quality_terms else np.zeros(len(speech))
        for speech in (trials.speech_a, trials.speech_b)
    )
    mean = (short_a + short_b) / 2
    columns = [trials.scores, np.ones_like(mean), mean, short_a * short_b, mean * trials.scores]
    is_target = trials.is_target
    targets, nontargets = is_target.sum(), (~is_target).sum()
    weights = np.where(is_target, target_prior / targets, (1 - target_prior) / nontargets)
    labels = np.where(is_target, 1 - 1 / (targets + 2), 1 / (nontargets + 2))
    slope, offset, *terms = logistic(np.stack(columns[: 2 + quality_terms], axis=1), labels, weights).tolist()
    try:
        return Calibration(
            slope=slope,
            offset=offset - float(np.log(target_prior / (1 - target_prior))),
            **dict(zip(QUALITY_TERMS, terms, strict=False)),
            short_speech=short_speech,
            long_speech=long_speech,
            fitted=datetime.now(UTC).date().isoformat(),
        )
    except ValueError:
        return None


def logistic(terms: Numbers, labels: Numbers, weights: Numbers) -> Numbers:
    """Coefficients (k,) of the weighted logistic regression of `labels` (n,), between 0 and 1, on `terms` (n, k).

    Newton's method with steps halved until the cross-entropy falls. It is convex, and labels inside (0, 1) keep its
    minimum finite.
    """
    coefficients = np.zeros(terms.shape[1])
    cost = _cross_entropy(terms @ coefficients, labels, weights)
    for _ in range(_ITERATIONS):
        posteriors = 1 / (1 + np.exp(-np.clip(terms @ coefficients, -500, 500)))
        gradient = terms.T @ (weights * (posteriors - labels))
        curvature = (terms * (weights * posteriors * (1 - posteriors))[:, np.newaxis]).T @ terms
        # The least squares also serve terms that are one another's multiples.
        step = np.linalg.lstsq(curvature, gradient)[0]
        size = 1.0
        while (tried := _cross_entropy(terms @ (coefficients - size * step), labels, weights)) > cost and size > 1e-6:
            size /= 2
        coefficients = coefficients - size * step
        if cost - tried < _TOLERANCE:
            break
        cost = tried
    return coefficients


def _cross_entropy(logits: Numbers, labels: Numbers, weights: Numbers) -> float:
    return float(weights @ (np.logaddexp(0, logits) - labels * logits))
