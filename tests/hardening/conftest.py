"""Whatever is done to the shared appliance: it serves on, keeps nothing of it, and nothing unforeseen was logged."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.voiceprint import encode, to_base64
from tests.conftest import CONVERSION, Appliance, ended
from tests.unit.schemas.sample_voiceprints import voiceprint

GOOD = to_base64(encode(voiceprint()))


@pytest.fixture
def client(client: httpx.Client, appliance: Appliance) -> Iterator[httpx.Client]:
    log = appliance.data_dir / "up.log"
    before = log.read_text().count("Traceback")
    yield client
    assert_serves(client)
    assert_nothing_kept(appliance.data_dir)
    assert log.read_text().count("Traceback") == before, log.read_text()


def assert_serves(client: httpx.Client) -> None:
    """The next request works."""
    answer = client.post(CONVERSION, json={"voiceprints": [GOOD]})
    assert answer.status_code == 202, answer.text
    assert ended(client, answer.headers["Location"])["task"]["state"] == "done"  # type: ignore[index]


def assert_nothing_kept(data_dir: Path, seconds: float = 10.0) -> None:
    """No upload is left, at the latest when what still runs has ended."""
    end = time.monotonic() + seconds
    while kept := stored(data_dir):
        assert time.monotonic() < end, kept
        time.sleep(0.02)


def stored(data_dir: Path) -> list[Path]:
    """The files of uploads, finished or not."""
    return [path for name in ("inputs", "partial") for path in (data_dir / "store" / name).iterdir()]
