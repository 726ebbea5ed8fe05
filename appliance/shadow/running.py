"""One run from the list of trials to the outcome."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np

from appliance.shadow.blocks import blocks
from appliance.shadow.calls import Calls
from appliance.shadow.doors import Door
from appliance.shadow.keeping import Kept
from appliance.shadow.outcome import HERE, OTHER, Outcome, measured, require_both_kinds
from appliance.shadow.remote import Remote
from appliance.shadow.scoring import Side, Step, hear, score, together
from appliance.shadow.trial_list import TrialList
from schemas.errors import ConfigurationError

# Seconds in which a connection must be made, and in which something of an answer must come.
_CONNECT, _READ = 30.0, 300.0
# Tasks that an appliance has for everything that it is sent at one time: a poll waits for as long as it asks.
_TASKS = 4
# Given what is done and how often, returns what is called each time.
Bars = Callable[[str, int], Step]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The outcome, the recordings that were left out with the reason, the trials that either side gave no score, and
    the models that each side names."""

    outcome: Outcome
    left_out: dict[str, str]
    unscored: int
    models: dict[str, list[str]]


async def run(
    listed: TrialList,
    doors: tuple[Door, Door],
    *,
    threshold: float,
    parallel: int,
    patience: float,
    keep: Path | None,
    bars: Bars,
) -> Run:
    """Scores `listed` at both `doors`, here's and the other's, and measures.

    Raises ConfigurationError for what people can put right, ApplianceError when one cannot be used any more.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_READ)
    async with AsyncExitStack() as stack:
        sides: dict[str, Side] = {}
        for door in doors:
            session = await stack.enter_async_context(aiohttp.ClientSession(headers=door.headers, timeout=timeout))
            kept = stack.enter_context(Kept(keep and keep / f"{door.name}.csv"))
            calls = Calls(session, name=door.name, base=door.url, patience=patience)
            sides[door.name] = Side(Remote(calls, uploads=parallel), kept)
        await together(
            *(
                hear(
                    side,
                    listed.names,
                    listed.paths,
                    parallel=_TASKS * parallel,
                    step=bars(f"hearing {name}", len(listed.names)),
                )
                for name, side in sides.items()
            )
        )
        left_out = _left_out(listed, sides)
        usable = np.array([name not in left_out for name in listed.names])
        if not usable.any():
            name, why = next(iter(left_out.items()))
            raise ConfigurationError(f"none of the recordings could be used; {name}: {why}")
        trials = listed.trials.where(usable[listed.trials.side_a] & usable[listed.trials.side_b])
        require_both_kinds(trials)
        cut = list(blocks(trials))
        steps = {name: bars(f"comparing {name}", len(cut)) for name in sides}
        scores = dict.fromkeys(sides, np.empty(0))

        async def scored(name: str) -> None:
            scores[name] = await score(sides[name], cut, len(trials), parallel=_TASKS * parallel, step=steps[name])

        await together(*map(scored, sides))
    finite = np.isfinite(scores[HERE]) & np.isfinite(scores[OTHER])
    scores = {name: found[finite] for name, found in scores.items()}
    outcome = measured(listed, trials.where(finite), scores, threshold)
    models = {name: side.models for name, side in sides.items()}
    return Run(outcome, left_out, int((~finite).sum()), models)


def _left_out(listed: TrialList, sides: dict[str, Side]) -> dict[str, str]:
    """Why each recording that a side has no voiceprint of is left out of both."""
    found = {}
    for place, name in enumerate(listed.names):
        reasons = {side: given.declined[place] for side, given in sides.items() if place in given.declined}
        if len(reasons) == len(sides) and len(set(reasons.values())) == 1:
            found[name] = next(iter(reasons.values()))
        elif reasons:
            found[name] = "; ".join(f"{side}: {why}" for side, why in reasons.items())
    return found
