"""Power is lost, and with it what the append-only file had behind all that was acknowledged, or a part of that."""

from pathlib import Path

from tests.faults import aof, power
from tests.faults.run import Run

# What is written last, and heard of by nobody.
_CALLS = ["submit", "claim", "finish"]


async def run(run: Run) -> None:
    between = 2 if run.thorough else 1
    calls = _CALLS * 2 if run.thorough else [run.random.choice(_CALLS)]
    for number, last in enumerate(calls):
        if run.late and number:
            run.unreached((len(calls) - number) * (between + 2))
            return
        saved = await power.lost(run, f"{number}-{last}", run.share // len(calls), last)
        # Both ends, and between them what the seed says.
        places = [run.random.randint(saved.floor, saved.size) for _ in range(between)]
        if run.thorough:
            places += [saved.floor, saved.size]
        for place in places:

            def damage(data: Path, place: int = place, saved: power.Saved = saved) -> None:
                run.history.note("fault", kind="lost tail", floor=saved.floor, size=saved.size, place=place)
                aof.cut(data, place)

            await saved.started_again(run, f"cut-at-{place}", damage)
