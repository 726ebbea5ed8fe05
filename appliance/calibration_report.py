"""The page of a calibration: figures, a DET curve and score histograms, in one HTML file that needs nothing else."""

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from appliance import drawing
from onnx_models.fitting.detection import error_rates, tally
from onnx_models.fitting.evaluation import ALL, COSTS, LEAST_SPEAKERS, MEASURES, Figure, Group, within_sex
from onnx_models.fitting.outcome import Outcome
from onnx_models.install.writing import write_atomically
from onnx_models.profiles import DEFAULT_PROFILE
from onnx_models.registry import SpeakerCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_TEMPLATE = Path(__file__).with_name("calibration_report.html")
# Blue and orange of Okabe and Ito's palette, told apart by everybody.
_ONE_SPEAKER, _TWO_SPEAKERS = "#0072B2", "#E69F00"
_RATES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
_BINS = 80


def written(name: str, figure: Figure) -> str:
    """A figure with its interval, as people read it: rates in per cent, costs as they are."""
    value = f"{figure.value:.3f}" if name in COSTS else f"{100 * figure.value:.2f} %"
    if figure.interval is None:
        return value
    low, high = figure.interval
    return value + (f" ({low:.3f} to {high:.3f})" if name in COSTS else f" ({100 * low:.2f} to {100 * high:.2f})")


def intervals(groups: Iterable[Group]) -> list[str]:
    """Why there are none, for each of `groups` without; empty for those that have them."""
    return [f"none: fewer than {LEAST_SPEAKERS} speakers" * (group.speakers < LEAST_SPEAKERS) for group in groups]


def write(folder: Path, outcome: Outcome, card: SpeakerCard, source: str) -> Path:
    """Writes `index.html`, `det.png` and `scores.png` into `folder` and returns the path of the page.

    `source` names what was measured on. Raises ConfigurationError when the folder cannot be written to.
    """
    det, histogram = drawing.png(_det_curves(outcome)), drawing.png(_histograms(outcome))
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{card.name} on {source}"),
        summary=html.escape(_summary(outcome, card)),
        figures=_figures(outcome.groups),
        held_out="Every trial was scored by a profile fitted without both of its speakers." if outcome.variant else "",
        before=_section(f"The same trials under the profile {DEFAULT_PROFILE}", _figures(outcome.before))
        if outcome.before
        else "",
        variants=_section("What was tried", _variants(outcome)) if outcome.variants else "",
        calibration=_calibration(outcome),
        score="the cosine" if outcome.profile.cohort is None else "the cosine normalised against the cohort",
        det=base64.b64encode(det).decode(),
        histogram=base64.b64encode(histogram).decode(),
    )
    write_atomically(folder / "det.png", det)
    write_atomically(folder / "scores.png", histogram)
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


def _summary(outcome: Outcome, card: SpeakerCard) -> str:
    whole = outcome.groups[0]
    short, middle, long = np.quantile(outcome.collection.speech, (0.05, 0.5, 0.95))
    return (
        f"Profile {outcome.profile.name} of {outcome.profile.created or 'no known day'}, embedding space {card.space}. "
        f"{whole.speakers} speakers, {whole.targets} trials of one speaker and {whole.nontargets} of two; "
        f"{middle:.1f} s of speech on a side, {short:.1f} to {long:.1f} s in nine of ten."
    )


def _figures(groups: Sequence[Group]) -> str:
    heads = ["", *(f"{group.name}, {group.speakers} speakers" for group in groups)]
    counts = [
        ["trials of one speaker", *(str(group.targets) for group in groups)],
        ["trials of two speakers", *(str(group.nontargets) for group in groups)],
    ]
    notes = [["95 % interval", *found]] if any(found := intervals(groups)) else []
    figures = [[name, *(written(name, group.figures[name]) for group in groups)] for name in MEASURES]
    return _table(heads, [*counts, *figures, *notes])


def _variants(outcome: Outcome) -> str:
    rows = (
        [str(variant), f"{found:.4f}", "chosen" if variant == outcome.variant else ""]
        for variant, found in outcome.variants
    )
    return _table(["", "held-out Cllr", ""], rows)


def _calibration(outcome: Outcome) -> str:
    record = outcome.profile.calibration.record() if outcome.profile.calibration else {}
    rows = ([name, f"{value:.4f}" if isinstance(value, float) else value] for name, value in record.items())
    return _table(["", ""], rows)


def _section(title: str, body: str) -> str:
    return f'<h2>{html.escape(title)}</h2>\n<div class="wide">{body}</div>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>\n" + "\n".join([line("th", heads), *(line("td", row) for row in rows)]) + "\n</table>"


def _det_curves(outcome: Outcome) -> "Drawing":
    """Martin et al., "The DET curve in assessment of detection task performance", 1997."""
    from statistics import NormalDist  # noqa: PLC0415

    deviate = np.vectorize(NormalDist().inv_cdf, otypes=[float])
    picture = drawing.empty(7, 5.5)
    axes = picture.add_subplot()
    for group in outcome.groups:
        within = np.ones(len(outcome.trials), bool)
        if group.name != ALL:
            within = within_sex(group.name, outcome.trials, outcome.collection)
        ratios, is_target = outcome.llrs[within], outcome.trials.is_target[within]
        misses, false_matches = error_rates(tally(ratios[is_target], ratios[~is_target]))
        # Rates of 0 and 1 have no deviate: where there are no errors of a kind, the curve has ended.
        drawn = (misses > 0) & (misses < 1) & (false_matches > 0) & (false_matches < 1)
        x, y = deviate(false_matches[drawn]), deviate(misses[drawn])
        error = written("EER", group.figures["EER"]) + ("" if drawn.any() else ", no errors to draw")
        axes.plot(x, y, drawstyle="steps-post", label=f"{group.name}: EER {error}")
    ticks = deviate(np.array(_RATES))
    names = [f"{100 * rate:g}" for rate in _RATES]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    axes.set_xlim(ticks[0], ticks[-1])
    axes.set_ylim(ticks[0], ticks[-1])
    axes.plot(ticks, ticks, color="0.7", linewidth=0.8, linestyle="--")
    axes.set_xlabel("false match rate, %")
    axes.set_ylabel("miss rate, %")
    axes.grid(color="0.9")
    axes.set_aspect("equal")
    axes.legend()
    return picture


def _histograms(outcome: Outcome) -> "Drawing":
    picture = drawing.empty(7, 5.5)
    axes = picture.add_subplot()
    targets = outcome.trials.is_target
    edges = np.linspace(outcome.llrs.min(), outcome.llrs.max(), _BINS).tolist()
    for ratios, color, label in (
        (outcome.llrs[~targets], _TWO_SPEAKERS, "trials of two speakers"),
        (outcome.llrs[targets], _ONE_SPEAKER, "trials of one speaker"),
    ):
        axes.hist(ratios, edges, density=True, color=color, alpha=0.6, label=f"{label} ({len(ratios)})")
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_xlabel("log-likelihood ratio (natural logarithm)")
    axes.set_ylabel("density")
    axes.legend()
    return picture
