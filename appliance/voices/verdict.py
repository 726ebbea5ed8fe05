"""What a log-likelihood ratio says, in words and as a probability; the words and colours of the console."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """From the log-likelihood ratio `least` on: its words, and the colours that it is drawn in, ground and ink."""

    least: float
    words: str
    ground: str
    ink: str


# Strongest first; ln 100 is 4.6, and e² is 7.4.
VERDICTS = (
    Verdict(4.6, "Same speaker, very likely", "#1b49c4", "#ffffff"),
    Verdict(2, "Same speaker, probably", "#82a6f5", "#0a1a44"),
    Verdict(0.7, "Leaning towards the same speaker", "#d3e0fd", "#16295c"),
    Verdict(-0.7, "Undecided", "#edf0f5", "#3b4556"),
    Verdict(-2, "Leaning towards different speakers", "#fde4cf", "#5c2c03"),
    Verdict(-4.6, "Different speakers, probably", "#f5ad6d", "#3f1c00"),
    Verdict(-math.inf, "Different speakers, very likely", "#b14a02", "#ffffff"),
)


def verdict(llr: float) -> Verdict:
    """On a log-likelihood ratio."""
    return next(found for found in VERDICTS if llr >= found.least)


def probability(llr: float, prior: float) -> float:
    """That one person speaks in both, where a share `prior` of such pairs, above 0 and below 1, is of one person.

    Bayes' rule in odds: those after the evidence are those before it times the likelihood ratio.
    """
    odds = llr + math.log(prior) - math.log1p(-prior)
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


def signed(llr: float) -> str:
    """A log-likelihood ratio as it is printed."""
    return f"{llr:+.1f}"


def per_cent(share: float) -> str:
    """A probability as it is printed: nothing but 0 and 1 themselves reads as 0 % or 100 %."""
    if 0.001 <= share <= 0.999:
        return f"{100 * share:.1f} %"
    return "over 99.9 %" if share > 0.5 else "under 0.1 %"
