"""What a log-likelihood ratio says, in the words of the appliance's console and command line."""

import math

# From which ratio on which words hold, strongest first.
VERDICTS = (
    (4.6, "Same speaker, very likely"),
    (2.0, "Same speaker, probably"),
    (0.7, "Leaning towards the same speaker"),
    (-0.7, "Undecided"),
    (-2.0, "Leaning towards different speakers"),
    (-4.6, "Different speakers, probably"),
    (-math.inf, "Different speakers, very likely"),
)


def verdict(llr: float) -> str:
    """The words for a ratio."""
    return next(words for least, words in VERDICTS if llr >= least)


def probability(llr: float, prior: float) -> float:
    """That one person speaks in both, where a share `prior` of such pairs is of one person: Bayes' rule in odds."""
    odds = llr + math.log(prior / (1 - prior))
    # The side on which nothing overflows.
    smaller = math.exp(-abs(odds))
    return (1 if odds > 0 else smaller) / (1 + smaller)


def per_cent(share: float) -> str:
    """A probability as it is printed: none reads as certain."""
    if 0.001 <= share <= 0.999:
        return f"{100 * share:.1f} %"
    return "over 99.9 %" if share > 0.5 else "under 0.1 %"
