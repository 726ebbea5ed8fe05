"""What is believed of what workers tell of their models."""

import asyncio

import pytest

from appliance import reports
from schemas import json
from tasks.store import TaskStore
from tasks.workforce import HEARTBEAT_SECONDS, Capabilities, Workforce

GOOD = {"name": "ge2e", "device": "cpu", "space": "ge2e-2", "times_real_time": 812.5, "workers": 1}


@pytest.mark.parametrize(
    "forged",
    [
        [{"x": 1}],
        [GOOD | {"name": None}],
        [GOOD | {"device": ["cpu"]}],
        [GOOD | {"space": 3}],
        [GOOD | {"times_real_time": "fast"}],
        [GOOD | {"times_real_time": True}],
        ["ge2e"],
        {"name": "ge2e"},
    ],
)
async def test_what_no_worker_would_tell_is_left_out(store: TaskStore, forged: object) -> None:
    """And the models of the others are told."""
    workforce = Workforce(store)
    for beat in range(3):
        for name, report in (("evil", forged), ("worker", [GOOD])):
            await workforce.heartbeat(f"{name}", Capabilities(("ge2e",)), json.encode(report))
        if beat:
            assert await reports.models(workforce) == [GOOD]
        else:
            await reports.models(workforce)
        await asyncio.sleep(HEARTBEAT_SECONDS / 4)
