"""The threshold that gives a false match rate, and the rates that a threshold gives."""

import numpy as np

from onnx_models.fitting.detection import Tally, error_rates

_MOST_DECIMALS = 12


def threshold_at(trials: Tally, false_match_rate: float) -> float:
    """The lowest threshold at which, accepting what reaches it, at most `false_match_rate` of non-targets are accepted.

    Of the numbers between two scores, where all decide alike, the shortest near their middle. Just above the greatest
    score where even that is a non-target's too many.
    """
    _, false_matches = error_rates(trials)
    place = int(np.argmax(false_matches <= false_match_rate))
    if place == 0:
        return float(trials.scores[0])
    below = float(trials.scores[place - 1])
    if place == len(trials.scores):
        return float(np.nextafter(below, np.inf))
    above = float(trials.scores[place])
    middle = below / 2 + above / 2
    # Plus 0, because there is a -0.
    shorter = (round(middle, decimals) + 0.0 for decimals in range(_MOST_DECIMALS))
    return next((short for short in shorter if below < short <= above), above)


def rates_at(trials: Tally, threshold: float) -> tuple[float, float]:
    """False match and miss rate when what reaches `threshold` is accepted (FMR and FNMR of ISO/IEC 19795-1)."""
    misses, false_matches = error_rates(trials)
    place = int(np.searchsorted(trials.scores, threshold, side="left"))
    return float(false_matches[place]), float(misses[place])
