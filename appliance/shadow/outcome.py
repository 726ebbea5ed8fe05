"""What both appliances are worth on the same trials, and which threshold here decides as the one there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.shadow.thresholds import rates_at, threshold_at
from appliance.shadow.trial_list import TrialList
from onnx_models.fitting import detection, evaluation
from onnx_models.fitting.detection import Order, Tally
from onnx_models.fitting.evaluation import ALL, Figure
from onnx_models.fitting.trials import Trials
from schemas.errors import ConfigurationError

Numbers = npt.NDArray[np.float64]
FALSE_MATCH_RATES = (0.1, 0.01, 0.001)
# Of fewer errors a rate is known no better than to a third of it (Doddington's rule of 30, 1998).
_FEW = 30
HERE, OTHER = "here", "other"


@dataclass(frozen=True, slots=True)
class Level:
    """One false match rate: how many false matches it allows in these trials, and what gives it on both sides.

    `note` says how far the trials support it; thresholds and miss rates are None where they do not at all.
    """

    rate: float
    false_matches: int
    thresholds: dict[str, float | None]
    misses: dict[str, float | None]
    note: str


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Figures of both sides by name; `threshold` is that of the other, whose false match rate is `rate` there.

    `scores` are those of `trials`, by side, both (trials,); `note` says how far the trials support the threshold here.
    """

    trials: Trials
    speakers: int
    scores: dict[str, Numbers]
    threshold: float
    figures: dict[str, dict[str, Figure]]
    levels: Sequence[Level]
    note: str

    @property
    def correlations(self) -> dict[str, float | None]:
        """Of the scores of both sides (Pearson), over all trials and within each kind; None where all are equal."""
        target = self.trials.is_target
        return {
            "all": _correlation(self.scores, np.ones(len(target), bool)),
            "one speaker": _correlation(self.scores, target),
            "two speakers": _correlation(self.scores, ~target),
        }

    @property
    def differing(self) -> list[int]:
        """The trials that both sides decide differently, those furthest from the other's threshold first."""
        here = self.scores[HERE] >= self.figures[HERE]["threshold"].value
        differ = np.flatnonzero(here != (self.scores[OTHER] >= self.threshold))
        furthest = np.argsort(-np.abs(self.scores[OTHER][differ] - self.threshold), kind="stable")
        return [int(number) for number in differ[furthest]]

    def record(self, listed: TrialList) -> dict[str, Any]:
        """Everything for JSON: rates and costs as shares of 1, intervals that hold 95 %, None of too few speakers."""
        targets = int(self.trials.is_target.sum())
        return {
            "trials": {
                "listed": len(listed.trials),
                "used": len(self.trials),
                "targets": targets,
                "nontargets": len(self.trials) - targets,
                "speakers": self.speakers,
            },
            **{
                side: {
                    name: {"value": figure.value, "interval": figure.interval and list(figure.interval)}
                    for name, figure in figures.items()
                }
                for side, figures in self.figures.items()
            },
            "note": self.note,
            "levels": [
                {
                    "FMR": level.rate,
                    "false_matches": level.false_matches,
                    "threshold": level.thresholds,
                    "FNMR": level.misses,
                    "note": level.note,
                }
                for level in self.levels
            ],
            "correlation": self.correlations,
            "decided_differently": [self.trial(number, listed) for number in self.differing],
        }

    def trial(self, number: int, listed: TrialList) -> dict[str, Any]:
        """One trial by its number: its label, its files and its scores."""
        return {
            "label": int(self.trials.is_target[number]),
            "a": listed.names[self.trials.side_a[number]],
            "b": listed.names[self.trials.side_b[number]],
            HERE: float(self.scores[HERE][number]),
            OTHER: float(self.scores[OTHER][number]),
        }


def measured(listed: TrialList, trials: Trials, scores: dict[str, Numbers], threshold: float) -> Outcome:
    """The outcome of `trials`, some of those `listed`, with the `scores` of both sides, (trials,) each.

    Raises ConfigurationError when trials of one speaker or of two are missing.
    """
    require_both_kinds(trials)
    tallies = {side: Order(found, trials.is_target).tally() for side, found in scores.items()}
    rate, _ = rates_at(tallies[OTHER], threshold)
    here = threshold_at(tallies[HERE], rate)
    figures, speakers = {}, 0
    for side, operating in ((HERE, here), (OTHER, threshold)):
        group = evaluation.measured(ALL, scores[side], trials, listed.collection, _measures(rate, operating))
        assert group is not None  # noqa: S101  # both kinds of trials are there
        figures[side], speakers = group.figures, group.speakers
    # It was given, not measured.
    figures[OTHER]["threshold"] = Figure(threshold, None)
    nontargets = int((~trials.is_target).sum())
    levels = [_level(tallies, given, nontargets) for given in FALSE_MATCH_RATES]
    return Outcome(
        trials, speakers, scores, threshold, figures, levels, _operating_note(round(rate * nontargets), nontargets)
    )


def _measures(rate: float, threshold: float) -> dict[str, Callable[[Tally], float]]:
    """What is taken of a side; `rate` is what its own threshold is sought for, `threshold` where it then decides."""
    return {
        "EER": detection.equal_error_rate,
        "minDCF(0.01)": partial(detection.minimum_detection_cost, target_prior=0.01),
        "threshold": partial(threshold_at, false_match_rate=rate),
        "FMR": lambda found: rates_at(found, threshold)[0],
        "FNMR": lambda found: rates_at(found, threshold)[1],
    }


def require_both_kinds(trials: Trials) -> None:
    """Raises ConfigurationError when trials of one speaker or of two are missing."""
    if trials.is_target.all() or not trials.is_target.any():
        missing = "one speaker" if not trials.is_target.any() else "two speakers"
        raise ConfigurationError(
            f"there are no trials of {missing} that both can score, so there is nothing to measure"
        )


def _level(tallies: dict[str, Tally], rate: float, nontargets: int) -> Level:
    # A tenth of ten is one, whatever binary fractions say.
    allowed = int(rate * nontargets + 1e-9)
    if not allowed:
        nothing: dict[str, float | None] = dict.fromkeys(tallies)
        return Level(rate, 0, nothing, nothing, _note(0, nontargets))
    thresholds = {side: threshold_at(found, allowed / nontargets) for side, found in tallies.items()}
    misses = {side: rates_at(found, thresholds[side])[1] for side, found in tallies.items()}
    return Level(rate, allowed, {**thresholds}, {**misses}, _note(allowed, nontargets))


def _note(false_matches: int, nontargets: int) -> str:
    """How far a threshold with so many false matches is supported by the trials; empty for well enough."""
    if not false_matches:
        return f"not told: {nontargets} trials of two speakers, and nothing to count below 1 in {nontargets}"
    if false_matches < _FEW:
        return f"rough: {false_matches} false match{'es' * (false_matches > 1)} of {nontargets}, fewer than {_FEW}"
    return ""


def _operating_note(false_matches: int, nontargets: int) -> str:
    if false_matches:
        return _note(false_matches, nontargets)
    # The rule of three (Jovanovic and Levy, 1997).
    most = np.format_float_positional(float(f"{100 * min(3 / nontargets, 1):.2g}"), trim="-")
    return (
        f"not told: none of {nontargets} trials of two speakers reaches the threshold there, so its FMR is anything up "
        f"to {most} %, and the threshold here is the lowest that none of them reaches here"
    )


def _correlation(scores: dict[str, Numbers], chosen: npt.NDArray[np.bool_]) -> float | None:
    here, other = scores[HERE][chosen], scores[OTHER][chosen]
    if np.ptp(here) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(here, other)[0, 1])
