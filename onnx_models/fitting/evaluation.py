"""What a model's scores are worth on recordings of known speakers: measures, with intervals over the speakers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnx_models.fitting import detection
from onnx_models.fitting.detection import Order, Tally
from onnx_models.fitting.trials import Collection, Trials

REPLICATES = 200
# Of fewer, drawing with replacement gives the same few sets of trials again and again, and an interval of no width.
LEAST_SPEAKERS = 5
# The group of all trials.
ALL = "all"
_SEED = 2
_LEVELS = (0.025, 0.975)

# Names as the literature writes them, and how they are taken from the tally of log-likelihood ratios.
MEASURES: dict[str, Callable[[Tally], float]] = {
    "EER": detection.equal_error_rate,
    "minDCF(0.01)": lambda trials: detection.minimum_detection_cost(trials, 0.01),
    "minDCF(0.05)": lambda trials: detection.minimum_detection_cost(trials, 0.05),
    "Cllr": detection.cllr,
    "minCllr": detection.minimum_cllr,
    "miss at FMR 1 %": lambda trials: detection.miss_rate(trials, 0.01),
    "miss at FMR 0.1 %": lambda trials: detection.miss_rate(trials, 0.001),
}

# Those that are no rates.
COSTS = frozenset({"minDCF(0.01)", "minDCF(0.05)", "Cllr", "minCllr"})


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure with its 95 % `interval`, from and to; None where there are too few speakers to tell."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one group of trials, by the names of the measures."""

    name: str
    speakers: int
    targets: int
    nontargets: int
    figures: dict[str, Figure]


def measured(
    name: str,
    llrs: npt.NDArray[np.floating],
    trials: Trials,
    collection: Collection,
    measures: Mapping[str, Callable[[Tally], float]] = MEASURES,
) -> Group | None:
    """The figures of `trials` that were given `llrs`, both of shape (trials,); None when a kind of trial is missing.

    Intervals are those of a bootstrap over the speakers, of whom as many are drawn with replacement: a trial counts as
    often as its speaker was drawn, with two as often as both. Bolle et al., "Confidence interval measurement in
    performance analysis of biometric systems using the bootstrap", 1999. Seeded, so the same in every run. Of fewer
    than LEAST_SPEAKERS there are none.
    """
    if not trials.is_target.any() or trials.is_target.all():
        return None
    order = Order(llrs, trials.is_target)
    speaker_a, speaker_b = collection.speakers[trials.side_a], collection.speakers[trials.side_b]
    present, places = np.unique(np.concatenate([speaker_a, speaker_b]), return_inverse=True)
    intervals: Sequence[tuple[float, float] | None] = [None] * len(measures)
    if len(present) >= LEAST_SPEAKERS:
        intervals = _intervals(order, trials, places.reshape(2, -1), len(present), list(measures.values()))
    whole = order.tally()
    figures = {
        measure: Figure(take(whole), interval)
        for (measure, take), interval in zip(measures.items(), intervals, strict=True)
    }
    targets = int(trials.is_target.sum())
    return Group(name, len(present), targets, len(trials) - targets, figures)


def _intervals(
    order: Order,
    trials: Trials,
    places: npt.NDArray[np.int64],
    speakers: int,
    measures: Sequence[Callable[[Tally], float]],
) -> list[tuple[float, float]]:
    """Of every one of `measures`; `places` are the speakers of both sides, (2, trials), as numbers below `speakers`."""
    place_a, place_b = places
    generator = np.random.default_rng(_SEED)
    replicates: list[list[float]] = []
    while len(replicates) < REPLICATES:
        drawn = generator.multinomial(speakers, np.full(speakers, 1 / speakers))
        weights = np.where(trials.is_target, drawn[place_a], drawn[place_a] * drawn[place_b])
        # Of a few speakers, one alone may be drawn every time.
        if weights[trials.is_target].any() and weights[~trials.is_target].any():
            tally = order.tally(weights)
            replicates.append([measure(tally) for measure in measures])
    lows, highs = np.quantile(replicates, _LEVELS, axis=0)
    return [(float(low), float(high)) for low, high in zip(lows, highs, strict=True)]


def groups(llrs: npt.NDArray[np.floating], trials: Trials, collection: Collection) -> list[Group]:
    """All trials together, then those within each sex where it is known of both sides (ISO/IEC 19795-1)."""
    found = [measured(ALL, llrs, trials, collection)]
    for sex in sorted(set(collection.sexes) - {""}):
        within = within_sex(sex, trials, collection)
        found.append(measured(sex, llrs[within], trials.where(within), collection))
    return [group for group in found if group]


def within_sex(sex: str, trials: Trials, collection: Collection) -> npt.NDArray[np.bool_]:
    """Which trials have speakers of `sex` on both sides, (trials,)."""
    of_sex = (np.array(collection.sexes) == sex)[collection.speakers]
    within: npt.NDArray[np.bool_] = of_sex[trials.side_a] & of_sex[trials.side_b]
    return within
