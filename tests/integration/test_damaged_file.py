"""An append-only file that Redis refuses, under a running appliance and at its start."""

from collections.abc import Callable

import httpx

from schemas.voiceprint import encode, to_base64
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.integration.test_recovery import kill, patiently
from tests.patience import PATIENCE, until
from tests.unit.schemas.sample_voiceprints import voiceprint

Start = Callable[..., Appliance]


def taken(client: httpx.Client) -> str:
    answer = client.post(CONVERSION, json={"voiceprints": [to_base64(encode(voiceprint()))]})
    assert answer.status_code == 202, answer.text
    return httpx.URL(answer.headers["Location"]).path


def damage(appliance: Appliance) -> None:
    """Takes away the first byte of a command in the middle of what was written."""
    (path,) = (
        path
        for path in (appliance.data_dir / "redis").rglob("appendonly.aof*")
        if path.suffix == ".aof" and path.stat().st_size
    )
    content = bytearray(path.read_bytes())
    place = content.index(b"*3\r\n$3\r\nSET\r\n", len(content) // 2)
    content[place] ^= 8
    path.write_bytes(content)


def kept(appliance: Appliance) -> int:
    return len(list((appliance.data_dir / "redis").rglob("*.damaged-*")))


def test_every_task_ends_although_the_file_is_damaged(start_appliance: Start) -> None:
    """At the next start the file is repaired and kept, the appliance is ready, and every task that was accepted has
    ended or ends: as it had, or as failed."""
    appliance = start_appliance()
    with appliance.client() as client:
        done = [taken(client) for _ in range(20)]
        for location in done:
            assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
        waits = [client.post(EXTRACTION, files={"file": (RECORDINGS / "call.flac").read_bytes()}) for _ in range(20)]
    appliance.process.kill()
    appliance.process.wait(PATIENCE)
    damage(appliance)
    again = start_appliance()
    assert kept(again) == 1
    with again.client() as client:
        states = [
            ended(client, httpx.URL(path).path)["task"]["state"]  # type: ignore[index]
            for path in (*done, *(one.headers["Location"] for one in waits))
        ]
    assert set(states) <= {"done", "failed"}
    assert states.count("failed") <= 1


def test_it_is_repaired_while_the_appliance_runs(start_appliance: Start) -> None:
    """A Redis that dies and does not start again on its file is one that starts again."""
    appliance = start_appliance()
    with appliance.client() as client:
        locations = [taken(client) for _ in range(20)]
        for location in locations:
            ended(client, location)
        damage(appliance)
        kill(appliance, "-server")
        until(lambda: kept(appliance))
        for location in locations:
            body = patiently(lambda location=location: ended(client, location))  # type: ignore[misc]
            assert body["task"]["state"] in {"done", "failed"}
        assert patiently(lambda: ended(client, taken(client)))["task"]["state"] == "done"
