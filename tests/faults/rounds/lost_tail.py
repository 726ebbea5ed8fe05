"""Power is lost, and with it what the append-only file had behind all that was acknowledged, or a part of that."""

from pathlib import Path

from tests.faults import aof, power
from tests.faults.run import Run


async def run(run: Run) -> None:
    often, cuts = (5, 4) if run.thorough else (1, 2)
    for number in range(often):
        if run.late:
            return
        saved = await power.lost(run, str(number), run.share // often)
        # Both ends, and between them what the seed says.
        places = [saved.floor, *(run.random.randint(saved.floor, saved.size) for _ in range(cuts - 2)), saved.size]
        for place in places:

            def damage(data: Path, place: int = place) -> None:
                run.history.note("fault", kind="lost tail", floor=saved.floor, size=saved.size, place=place)
                aof.cut(data, place)

            await saved.started_again(run, f"cut-at-{place}", damage)
