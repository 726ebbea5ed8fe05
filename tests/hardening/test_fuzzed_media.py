"""A short round of the fuzzing of recordings; `make fuzz` sends 20,000."""

import asyncio

import pytest

from tests.conftest import Appliance
from tests.fuzz import campaign, processes
from tests.fuzz.files import make


@pytest.mark.usefixtures("client")
def test_mutated_recordings_of_every_format(appliance: Appliance) -> None:
    """Each is refused, rejected or done, the valid ones among them are done, and no process has died of them."""
    living = processes.kept(appliance.process.pid)
    files = (make(2, number) for number in range(240))
    tally = asyncio.run(campaign.run(appliance.url, files, concurrency=8))
    assert tally.faults == []
    assert tally.files == 240
    assert processes.kept(appliance.process.pid) >= living


def test_a_file_is_the_same_at_every_run() -> None:
    """What failed once can be made again by its number."""
    assert make(7, 11) == make(7, 11)
    assert make(7, 11).content != make(8, 11).content != make(7, 12).content
