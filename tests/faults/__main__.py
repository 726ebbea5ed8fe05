"""The fault suite. Breaks a real appliance in every way that one machine can break, and checks that nothing is lost."""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from tests.faults.checker import judge
from tests.faults.configuration import PLAIN
from tests.faults.configuration import secured as secured_by
from tests.faults.history import History
from tests.faults.plan import Plan
from tests.faults.progress import shown
from tests.faults.report import told
from tests.faults.requests import Requests
from tests.faults.rounds import ROUNDS
from tests.faults.rounds.quiet import undisturbed
from tests.faults.run import Run

_INTERRUPTED = 130


def main(
    *,
    seed: Annotated[int, typer.Option(help="What everything that is left to chance is drawn from.")] = 1,
    tasks: Annotated[int, typer.Option(min=1, help="How many are to be acknowledged, over all rounds.")] = 10_000,
    minutes: Annotated[float, typer.Option(help="After so long every round ends with what it has.")] = 30,
    only: Annotated[str, typer.Option(help=f"Some of the rounds: {','.join(ROUNDS)}.")] = ",".join(ROUNDS),
    short: Annotated[bool, typer.Option("--short", help="Every fault once instead of many times.")] = False,
    secured: Annotated[
        bool | None,
        typer.Option(
            "--secured/--plain",
            help="With a key ring and API keys, or without; every other round when not given.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the history goes; a new folder when not given.", show_default=False)
    ] = None,
) -> None:
    """Break a real appliance in every way that one machine can break, and check that nothing is lost.

    Exit code 0 says that every acknowledged task ended once, as undisturbed, and that there were as many tasks and
    faults as there should be; 1 that it was not so.
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
            plan = Plan(names, seed, tasks, minutes, thorough=not short, secured=secured)
            asyncio.run(_all(place, history, plan))
            verdict = judge(history.events)
    except KeyboardInterrupt:
        typer.echo("\ninterrupted: nothing is judged, nothing was left running", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    lines = "\n".join(told(verdict))
    (place / "verdict.txt").write_text(lines + "\n")
    typer.echo(lines)
    forced = {None: "", True: " --secured", False: " --plain"}[secured]
    typer.echo(f"again         {again}{' --short' if short else ''}{forced}")
    if verdict.kept:
        for name in ("quiet plain", "quiet secured", *names):
            shutil.rmtree(place / name, ignore_errors=True)
    else:
        typer.echo(f"look at       {place}")
    raise typer.Exit(not verdict.kept)


async def _all(place: Path, history: History, plan: Plan) -> None:
    """The quiet round of each configuration, then those that were asked for."""
    history.note("wanted", tasks=plan.tasks)
    requests: dict[bool, Requests] = {}
    with shown(plan.tasks) as progress:
        for kind in sorted({plan.is_secured(name) for name in plan.names}):
            configuration = secured_by(place / "secrets") if kind else PLAIN
            quiet = f"quiet {configuration.name}"
            progress.begins(quiet, history)
            requests[kind] = await undisturbed(place / quiet, history, plan.seed, configuration, few=not plan.thorough)
        begun = time.monotonic()
        for name in plan.names:
            history.scope = name
            run = Run(
                name,
                place / name,
                history,
                requests[plan.is_secured(name)],
                plan.seed,
                share=plan.share(name, history.acknowledged),
                deadline=plan.deadline(name, begun),
                thorough=plan.thorough,
            )
            progress.begins(name, history)
            await ROUNDS[name].run(run)


if __name__ == "__main__":
    typer.run(main)
