"""A bit flips in the append-only file while the appliance is down, anywhere in it, each time from the same state."""

from pathlib import Path

from tests.faults import aof, power
from tests.faults.run import Run


async def run(run: Run) -> None:
    often, flips = (2, 12) if run.thorough else (1, 1)
    for number in range(often):
        saved = await power.lost(run, str(number), run.share // often, "claim")

        def damage(data: Path) -> None:
            at, bit = aof.flip(data, run.random)
            run.history.note("fault", kind="flipped bit", byte=at, bit=bit)
            run.history.note("damaged")

        for flip in range(flips):
            if run.late and flip:
                run.unreached((often - number) * flips - flip)
                return
            await saved.started_again(run, f"flip-{flip}", damage)
