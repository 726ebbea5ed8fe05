"""Error rates of a detector from the scores it gave to target and non-target trials."""

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]


def error_rates(targets: Scores, nontargets: Scores) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Miss and false alarm rates at every threshold that separates two scores, from accepting all to accepting none.

    Both have one value more than there are distinct scores. Trials of equal score are decided alike.
    """
    scores = np.concatenate([targets, nontargets])
    is_target = np.concatenate([np.ones(len(targets), bool), np.zeros(len(nontargets), bool)])
    order = np.argsort(scores, kind="stable")
    last_of_score = np.append(np.diff(scores[order]) > 0, True)
    rejected_targets = np.cumsum(is_target[order])[last_of_score]
    rejected_nontargets = np.cumsum(~is_target[order])[last_of_score]
    misses = np.concatenate([[0.0], rejected_targets / len(targets)])
    false_alarms = np.concatenate([[1.0], 1.0 - rejected_nontargets / len(nontargets)])
    return misses, false_alarms


def equal_error_rate(targets: Scores, nontargets: Scores) -> float:
    """The rate at which misses and false alarms are equal, interpolated between the two nearest thresholds."""
    misses, false_alarms = error_rates(targets, nontargets)
    after = int(np.argmax(misses >= false_alarms))
    before = after - 1
    gap_before = false_alarms[before] - misses[before]
    gap_after = misses[after] - false_alarms[after]
    share = gap_before / (gap_before + gap_after)
    return float(misses[before] + share * (misses[after] - misses[before]))


def minimum_detection_cost(targets: Scores, nontargets: Scores, target_prior: float) -> float:
    """minDCF of the NIST speaker recognition evaluations, both costs 1, 1.0 being a detector that never looks."""
    misses, false_alarms = error_rates(targets, nontargets)
    costs = target_prior * misses + (1 - target_prior) * false_alarms
    return float(costs.min() / min(target_prior, 1 - target_prior))
