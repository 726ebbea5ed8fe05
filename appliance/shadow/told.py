"""The outcome as people read it: tables on standard output."""

import typer

from appliance.calibration_report import written
from appliance.commands import table
from appliance.shadow.outcome import HERE, OTHER, Level, Outcome
from appliance.shadow.trial_list import TrialList
from onnx_models.fitting.evaluation import LEAST_SPEAKERS, Figure

MOST_TRIALS_SHOWN = 20
_PLACES = ((OTHER, "there"), (HERE, "here"))
_ROWS = (
    ("EER", "EER"),
    ("minDCF(0.01)", "minDCF(0.01)"),
    ("threshold", "threshold"),
    ("FMR", "FMR at that threshold"),
    ("FNMR", "FNMR at that threshold"),
)


def show(outcome: Outcome, listed: TrialList) -> None:
    """Prints the figures of both, the thresholds, the correlations and what they decide differently."""
    targets = int(outcome.trials.is_target.sum())
    typer.echo(
        f"{len(outcome.trials)} of {len(listed.trials)} trials: {targets} of one speaker, "
        f"{len(outcome.trials) - targets} of two, {outcome.speakers} speakers"
    )
    there, here = (f"{100 * outcome.figures[side]['FMR'].value:.3g} % {word}" for side, word in _PLACES)
    threshold = _figure("threshold", outcome.figures[HERE]["threshold"])
    typer.echo(f"the other's threshold {outcome.threshold:g} is {threshold} here: false match rates of {there}, {here}")
    if outcome.note:
        typer.echo(f"the threshold here: {outcome.note}")
    typer.echo()
    rows = [(head, *(_figure(name, outcome.figures[side][name]) for side in (HERE, OTHER))) for name, head in _ROWS]
    if outcome.speakers < LEAST_SPEAKERS:
        rows.append(("95 % interval", *[f"none: fewer than {LEAST_SPEAKERS} speakers"] * 2))
    table.show(("measure (95 % interval)", HERE, OTHER), rows)
    typer.echo()
    table.show(("FMR", "threshold here", "threshold other", "FNMR here", "FNMR other", ""), map(_level, outcome.levels))
    typer.echo()
    found = ", ".join(
        f"{kind} {'not defined' if value is None else f'{value:.3f}'}" for kind, value in outcome.correlations.items()
    )
    typer.echo(f"correlation of the scores: {found}")
    differing = outcome.differing
    typer.echo(f"decided differently: {len(differing)}")
    if differing:
        shown = [outcome.trial(number, listed) for number in differing[:MOST_TRIALS_SHOWN]]
        table.show(
            ("label", "a", "b", HERE, OTHER),
            [(str(one["label"]), one["a"], one["b"], f"{one[HERE]:.2f}", f"{one[OTHER]:.2f}") for one in shown],
        )
    if len(differing) > MOST_TRIALS_SHOWN:
        typer.echo(f"… and {len(differing) - MOST_TRIALS_SHOWN} more: --json has all of them")


def _figure(name: str, figure: Figure) -> str:
    if name != "threshold":
        return written(name, figure)
    interval = "" if figure.interval is None else f" ({figure.interval[0]:.2f} to {figure.interval[1]:.2f})"
    return f"{figure.value:.12g}{interval}"


def _level(level: Level) -> tuple[str, ...]:
    thresholds = ("" if (value := level.thresholds[side]) is None else f"{value:.12g}" for side in (HERE, OTHER))
    misses = ("" if (value := level.misses[side]) is None else f"{100 * value:.2f} %" for side in (HERE, OTHER))
    return (f"{100 * level.rate:g} %", *thresholds, *misses, level.note)
