"""The fault suite. Breaks a real appliance in every way that one machine can break, and checks that nothing is lost."""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from tests.faults.checker import judge
from tests.faults.history import History
from tests.faults.progress import shown
from tests.faults.report import told
from tests.faults.rounds import ROUNDS
from tests.faults.rounds.quiet import undisturbed
from tests.faults.run import Run

_INTERRUPTED = 130


def main(
    *,
    seed: Annotated[int, typer.Option(help="What everything that is left to chance is drawn from.")] = 1,
    tasks: Annotated[int, typer.Option(min=1, help="How many are to be acknowledged, over all rounds.")] = 10_000,
    minutes: Annotated[float, typer.Option(help="After so long every round ends with what it has.")] = 20,
    only: Annotated[str, typer.Option(help=f"Some of the rounds: {','.join(ROUNDS)}.")] = ",".join(ROUNDS),
    short: Annotated[bool, typer.Option("--short", help="Every fault once instead of many times.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where the history goes; a new folder when not given.", show_default=False)
    ] = None,
) -> None:
    """Break a real appliance in every way that one machine can break, and check that nothing is lost.

    Exit code 0 says that every acknowledged task ended once, as undisturbed; 1 that one did not.
    """
    names = only.split(",")
    if unknown := set(names) - ROUNDS.keys():
        raise typer.BadParameter(f"there is no round {', '.join(sorted(unknown))}", param_hint="--only")
    place = folder or Path(tempfile.mkdtemp(prefix=f"voiceprint-faults-{seed}-"))
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise typer.BadParameter(f"{place} is not empty", param_hint="--folder")
    again = f"python -m tests.faults --seed {seed} --tasks {tasks} --minutes {minutes:g} --only {only}"
    typer.echo(f"history: {place / 'history.ndjson'}", err=True)
    try:
        with History.open(place / "history.ndjson") as history:
            asyncio.run(_all(place, history, names, seed=seed, tasks=tasks, minutes=minutes, thorough=not short))
            verdict = judge(history.events)
    except KeyboardInterrupt:
        typer.echo("\ninterrupted: nothing is judged, nothing was left running", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    lines = "\n".join(told(verdict))
    (place / "verdict.txt").write_text(lines + "\n")
    typer.echo(lines)
    typer.echo(f"again         {again}{' --short' if short else ''}")
    if verdict.kept:
        for name in ("quiet", *names):
            shutil.rmtree(place / name, ignore_errors=True)
    else:
        typer.echo(f"look at       {place}")
    raise typer.Exit(not verdict.kept)


async def _all(
    place: Path, history: History, names: list[str], *, seed: int, tasks: int, minutes: float, thorough: bool
) -> None:
    """The quiet round, then those that were asked for, each with its part of the tasks and of the time."""
    shares = {name: ROUNDS[name].share for name in names}
    with shown(tasks) as progress:
        progress.begins("quiet", history)
        requests = await undisturbed(place / "quiet", history, seed, few=not thorough)
        begun = time.monotonic()
        for number, name in enumerate(names):
            # What earlier rounds did not use is there for later ones.
            left = begun + 60 * minutes - time.monotonic()
            ahead = sum(shares[later] for later in names[number:])
            history.scope = name
            run = Run(
                name,
                place / name,
                history,
                requests,
                seed,
                share=round(tasks * shares[name] / sum(shares.values())),
                deadline=time.monotonic() + max(0, left) * shares[name] / ahead,
                thorough=thorough,
            )
            progress.begins(name, history)
            await ROUNDS[name].run(run)


if __name__ == "__main__":
    typer.run(main)
