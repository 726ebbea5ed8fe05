"""Duties that are done again and again, and what is told when one goes wrong."""

import asyncio
import logging

import pytest

from tasks.duties import every, following
from tasks.record import RecordDamaged
from tasks.store import TaskStore
from tests.patience import eventually
from tests.unit.tasks.made_tasks import done
from tests.unit.tasks.workers import Start


async def test_what_goes_wrong_is_told_with_the_duty(caplog: pytest.LogCaptureFixture) -> None:
    """And the duty is done again."""
    ended, done = asyncio.Event(), 0

    async def duty() -> None:
        nonlocal done
        done += 1
        if done == 2:
            ended.set()
        raise RecordDamaged("the task record was damaged")

    with caplog.at_level(logging.ERROR):
        await every(0.001, "counting sheep", duty, ended)
    assert caplog.messages == ["counting sheep: RecordDamaged: the task record was damaged"] * 2


@pytest.mark.parametrize("now", [0.0, 86_400.01, 86_400.3, 86_400.59, 86_400.6, 86_400.600001])
def test_all_are_woken_together(now: float) -> None:
    """Whenever anybody asks, the next moment is one of those that all share, and comes soon but not at once."""
    moment = following(0.6, now)
    assert moment / 0.6 == pytest.approx(round(moment / 0.6), abs=1e-6)
    assert 0.05 < moment - now < 0.67


async def test_results_are_swept_whatever_becomes_of_the_reconciler(store: TaskStore, start: Start) -> None:
    """A round that fails is named in the log, and results that no task needs go all the same."""
    record = await done(store)
    worker = start(
        first="""
import tasks.worker
from tasks.reconciler import Reconciler
async def broken(self):
    raise ValueError("no round today")
Reconciler.round = broken
tasks.worker._ROUND_SECONDS = 0.05
"""
    )
    worker.files.write_result(record.task_id, record.attempt + 1, b"of another attempt")

    async def swept() -> bool:
        return not list(worker.files.results())

    await eventually(swept)

    async def told() -> bool:
        return "reconciling: ValueError: no round today" in worker.log.read_text()

    await eventually(told)
