"""Both appliances hear every recording once and score every trial."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from appliance.shadow.blocks import Block
from appliance.shadow.calls import Declined
from appliance.shadow.keeping import Kept
from appliance.shadow.remote import Heard
from schemas.errors import ConfigurationError

_T = TypeVar("_T")
Step = Callable[[], None]


class Appliance(Protocol):
    """What a `Remote` is."""

    name: str
    url: str

    async def heard(self, recording: Path) -> Heard: ...

    async def compared(self, a: list[str], b: list[str]) -> npt.NDArray[np.float64]: ...


@dataclass(slots=True)
class Side:
    """One appliance, the voiceprints that it made of recordings by their places, and why it made none of others."""

    remote: Appliance
    kept: Kept
    voiceprints: dict[int, Heard] = field(default_factory=dict)
    declined: dict[int, str] = field(default_factory=dict)

    @property
    def models(self) -> list[str]:
        """The names of the models that made the voiceprints, those that are not told left out."""
        return sorted({heard.model for heard in self.voiceprints.values()} - {""})


async def hear(side: Side, names: tuple[str, ...], paths: tuple[Path, ...], *, parallel: int, step: Step) -> None:
    """Fills in the voiceprints of all recordings, `parallel` at a time.

    Raises ApplianceError when the appliance cannot be used, ConfigurationError when its model is not that of the
    voiceprints which were kept.
    """

    async def work(place: int) -> None:
        path = paths[place]
        try:
            digest = await asyncio.to_thread(side.kept.digest, path)
            heard = side.kept.get(digest)
            if heard is None:
                heard = await side.remote.heard(path)
                side.kept.add(names[place], digest, heard)
            side.voiceprints[place] = heard
        except Declined as error:
            side.declined[place] = error.message
        except OSError as error:
            side.declined[place] = error.strerror or str(error)
        step()

    await _spread(range(len(paths)), work, parallel)
    if len(side.models) > 1:
        raise ConfigurationError(
            f"{side.remote.name} ({side.remote.url}) made voiceprints of several models, {' and '.join(side.models)}, "
            "which do not compare: with --keep, give another folder for another model"
        )


async def score(
    side: Side, blocks: Iterable[Block], count: int, *, parallel: int, step: Step
) -> npt.NDArray[np.float64]:
    """The scores of `count` trials, (trials,), NaN where the appliance gives none, `parallel` blocks at a time."""
    scores = np.full(count, np.nan)

    async def work(block: Block) -> None:
        a, b = ([side.voiceprints[place].voiceprint for place in places.tolist()] for places in (block.a, block.b))
        matrix = await side.remote.compared(a, b)
        scores[block.trials] = matrix[block.rows, block.columns]
        step()

    await _spread(blocks, work, parallel)
    return scores


async def _spread(items: Iterable[_T], work: Callable[[_T], Coroutine[None, None, None]], parallel: int) -> None:
    """Works on `items`, `parallel` at a time. Raises what the first to fail raised, and stops the others."""
    waiting: Iterator[_T] = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    await together(*(worker() for _ in range(parallel)))


async def together(*works: Coroutine[None, None, None]) -> None:
    """All of `works` at one time. Raises what the first to fail raised, and stops the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed
