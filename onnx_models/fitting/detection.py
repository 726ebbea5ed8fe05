"""How well scores tell target trials (one speaker) from non-target trials (two).

Every measure is taken from a Tally, in which trials may be weighted, so that a bootstrap need not copy them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Tally:
    """The distinct scores, ascending, and the weight of the targets and of the non-targets with each; all (scores,)."""

    scores: Numbers
    targets: Numbers
    nontargets: Numbers


class Order:
    """Trials sorted by their scores once, to be tallied under many weights.

    `scores` and `is_target` have shape (trials,). Raises ValueError unless there are trials of both kinds.
    """

    def __init__(self, scores: Scores, is_target: npt.NDArray[np.bool_]) -> None:
        if is_target.all() or not is_target.any():
            raise ValueError("a detector is measured on target and on non-target trials")
        self._order = np.argsort(scores, kind="stable")
        ascending = scores[self._order].astype(np.float64)
        self._starts = np.concatenate([[0], np.flatnonzero(np.diff(ascending)) + 1])
        self._distinct = ascending[self._starts]
        self._is_target = is_target[self._order]

    def tally(self, weights: Scores | None = None) -> Tally:
        """The trials with `weights` of shape (trials,), each 1 when not given."""
        ordered = np.ones(len(self._order)) if weights is None else weights[self._order].astype(np.float64)
        targets = np.add.reduceat(np.where(self._is_target, ordered, 0.0), self._starts)
        nontargets = np.add.reduceat(np.where(self._is_target, 0.0, ordered), self._starts)
        return Tally(self._distinct, targets, nontargets)


def tally(targets: Scores, nontargets: Scores) -> Tally:
    """The tally of the scores of target and of non-target trials. Raises ValueError when either has none."""
    is_target = np.concatenate([np.ones(len(targets), bool), np.zeros(len(nontargets), bool)])
    return Order(np.concatenate([targets, nontargets]), is_target).tally()


def error_rates(trials: Tally) -> tuple[Numbers, Numbers]:
    """Miss and false match rates at every threshold that separates two scores, from accepting all to accepting none.

    Both have one value more than there are distinct scores. Trials of equal score are decided alike.
    """
    misses = np.concatenate([[0.0], np.cumsum(trials.targets)]) / trials.targets.sum()
    false_matches = np.concatenate([np.cumsum(trials.nontargets[::-1])[::-1], [0.0]]) / trials.nontargets.sum()
    return misses, false_matches


def equal_error_rate(trials: Tally) -> float:
    """The rate at which misses and false matches are equal, interpolated between the two nearest thresholds."""
    misses, false_matches = error_rates(trials)
    after = int(np.argmax(misses >= false_matches))
    before = after - 1
    gap_before = false_matches[before] - misses[before]
    gap_after = misses[after] - false_matches[after]
    share = gap_before / (gap_before + gap_after)
    return float(misses[before] + share * (misses[after] - misses[before]))


def minimum_detection_cost(trials: Tally, target_prior: float) -> float:
    """minDCF of the NIST speaker recognition evaluations, both costs 1, 1.0 being a detector that never looks."""
    misses, false_matches = error_rates(trials)
    costs = target_prior * misses + (1 - target_prior) * false_matches
    return float(costs.min() / min(target_prior, 1 - target_prior))


def miss_rate(trials: Tally, false_match_rate: float) -> float:
    """The lowest miss rate of the thresholds whose false match rate is at most `false_match_rate` (ISO/IEC 19795-1)."""
    misses, false_matches = error_rates(trials)
    return float(misses[np.argmax(false_matches <= false_match_rate)])


def cllr(trials: Tally) -> float:
    """Cost of log-likelihood ratios in bits: 0 is perfect, 1 what a detector costs that always says 0.

    The scores are natural logarithms. Brümmer and du Preez, "Application-independent evaluation of speaker detection",
    2006.
    """
    return _cllr(trials.scores, trials)


def minimum_cllr(trials: Tally) -> float:
    """Cllr after the best monotone change of the scores, which isotonic regression finds: what discrimination costs.

    The difference to `cllr` is what calibration costs. Brümmer and du Preez, 2006.
    """
    total = trials.targets + trials.nontargets
    present = total > 0
    posteriors = isotonic(trials.targets[present] / total[present], total[present])
    prior = trials.targets.sum() / total.sum()
    with np.errstate(divide="ignore"):
        llrs = np.log(posteriors) - np.log1p(-posteriors) - np.log(prior / (1 - prior))
    return _cllr(llrs, Tally(llrs, trials.targets[present], trials.nontargets[present]))


def isotonic(values: Numbers, weights: Numbers) -> Numbers:
    """The never falling sequence nearest to `values` in weighted squares; both have shape (n,), weights above 0.

    Pool adjacent violators (Ayer et al., 1955), every run of values that do not rise pooled at once in each pass.
    """
    means, masses, lengths = values, weights, np.ones(len(values), np.int64)
    while not (rises := np.diff(means) > 0).all():
        starts = np.concatenate([[0], np.flatnonzero(rises) + 1])
        pooled = np.add.reduceat(masses, starts)
        means = np.add.reduceat(means * masses, starts) / pooled
        masses, lengths = pooled, np.add.reduceat(lengths, starts)
    fitted: Numbers = np.repeat(means, lengths)
    return fitted


def _cllr(llrs: Numbers, trials: Tally) -> float:
    # Weights of 0 stand where an infinite ratio is right: it costs nothing.
    of_targets = _mean(np.logaddexp(0, -llrs), trials.targets)
    of_nontargets = _mean(np.logaddexp(0, llrs), trials.nontargets)
    return float((of_targets + of_nontargets) / (2 * np.log(2)))


def _mean(costs: Numbers, weights: Numbers) -> float:
    counted = weights > 0
    return float(costs[counted] @ weights[counted] / weights.sum())
