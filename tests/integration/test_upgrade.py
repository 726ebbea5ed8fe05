"""An appliance is replaced by another version of itself while tasks are open: each of them ends, as it would have."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack
import pytest
from redis.asyncio import Redis

from appliance.backup.reaching import configured_or_started
from appliance.settings import Settings
from schemas.keyring import Keys
from tasks.keys import RECORD
from tasks.record import TaskRecord, content
from tests.conftest import running
from tests.integration import backups
from tests.integration.test_backup import ended, frozen, submitted
from tests.patience import PATIENCE

# What an earlier version did not know, as far as a record can be without it.
LATER_FIELDS = ("owner", "callback", "crashes", "idempotency")


def later(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"priority": 7, "tenant": {"name": "a bank", "limits": [1, 2.5, None]}}


def earlier(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in LATER_FIELDS}


async def rewritten(settings: Settings, change: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Gives every record the form that another version writes; returns how many there are."""
    ring = settings.ring()
    keys = ring.derive("record") if ring else None
    async with configured_or_started(settings) as (redis, _):
        names = [name async for name in redis.scan_iter(match=f"{RECORD}*")]
        for name in names:
            await _rewrite(redis, name, keys, change)
    return len(names)


async def _rewrite(
    redis: Redis, name: bytes, keys: Keys | None, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    record = TaskRecord.unpack(await redis.get(name), keys)
    fields = asdict(record) | {"state": record.state.value}
    del fields["stored"]
    await redis.set(name, content(bytes(msgpack.packb(change(fields))), keys), keepttl=True)


@pytest.mark.parametrize(
    ("number", "change"),
    [
        pytest.param(signal.SIGTERM, earlier, id="SIGTERM, on from an earlier one"),
        pytest.param(signal.SIGKILL, later, id="SIGKILL, back from a later version"),
        pytest.param(signal.SIGTERM, later, id="SIGTERM, back from a later version", marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, earlier, id="SIGKILL, on from an earlier one", marks=pytest.mark.long),
    ],
)
def test_tasks_in_flight(
    models_dir: Path, tmp_path: Path, number: signal.Signals, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Tasks that waited, that a worker had, and that had ended when the appliance was stopped, under records of another
    version: after the start of this one all of them are done, and the ended one's answer is the same."""
    (tmp_path / "data").mkdir()
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path / "data",
            "models_dir": models_dir,
            "http_port": 0,
            "grpc": "off",
            "workers": 1,
            "drain_timeout": 1,
            "key_ring": backups.ring(tmp_path / "ring.toml"),
        }
    )
    with running(settings) as appliance, appliance.client() as client:
        over = submitted(client)
        before = ended(client, over)
        frozen(appliance)
        open_ones = [submitted(client) for _ in range(3)]
        appliance.process.send_signal(number)
        appliance.process.wait(PATIENCE)
    assert asyncio.run(rewritten(settings, change)) == 4
    with running(settings) as appliance, appliance.client() as client:
        assert client.get(over).json() == before
        for path in open_ones:
            body: dict[str, Any] = ended(client, path)
            assert body["task"]["state"] == "done", body
    assert not list((settings.store / "inputs").iterdir())
