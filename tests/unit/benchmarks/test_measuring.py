"""What benchmarks share: recordings that are cut, processes, the least that a server does, figures, the plan."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import outcome
from benchmarks.plan import cost
from benchmarks.processes import children, processor_seconds
from benchmarks.recordings import cuttings, random_lengths
from benchmarks.running import bare_server, running

RECORDINGS = Path(__file__).parents[2] / "recordings"


def test_cuttings_have_their_lengths(tmp_path: Path) -> None:
    """What is cut is as long as was asked for, longer than all speech there is, and the same in every run."""
    first, second, speech = (tmp_path / name for name in ("first", "second", "speech"))
    speech.mkdir()
    for name in ("demo.flac", "answer.flac"):
        shutil.copy(RECORDINGS / name, speech)
    made = []
    for folder in (first, second):
        folder.mkdir()
        made.append(cuttings(speech, folder, [0.5, 3.25, 60.0]))
    for one, other, seconds in zip(*made, (0.5, 3.25, 60.0), strict=True):
        assert soundfile.info(one).duration == pytest.approx(seconds, abs=0.001)
        assert np.array_equal(soundfile.read(one)[0], soundfile.read(other)[0])


def test_nothing_to_cut(tmp_path: Path) -> None:
    """A folder without recordings is said to have none."""
    with pytest.raises(SystemExit, match="has no recordings"):
        cuttings(tmp_path, tmp_path, [1.0])


def test_random_lengths_repeat() -> None:
    """Lengths lie within their bounds, and are the same for one seed."""
    lengths = random_lengths(50, 5.0, 20.0)
    assert lengths == random_lengths(50, 5.0, 20.0)
    assert min(lengths) >= 5
    assert max(lengths) <= 20


def test_time_of_processes_that_have_ended() -> None:
    """The processor time of a process has that of a child which has come and gone."""
    before = processor_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "sum(range(10**7)); input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in children(os.getpid())
        child.communicate(b"\n")
    assert child.pid not in children(os.getpid())
    assert processor_seconds(os.getpid()) > before


async def test_pollers_of_a_bare_server() -> None:
    """Clients that poll say when they are connected, and tell every poll at their end."""
    async with bare_server() as (url, _):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.pollers", f"{url}/task", "4", "0.5", "--pause", "0.1"),
            stdout=subprocess.PIPE,
        )
        told, _ = await process.communicate()
    connected, answered = told.splitlines()
    assert connected == b"connected"
    assert 4 <= len(json.loads(answered)["seconds"]) <= 4 * 6


async def test_processes_of_an_appliance(models_dir: Path) -> None:
    """An appliance that runs shows its HTTP process, its workers without the spare one, and its Redis."""
    async with running(models_dir=models_dir, workers=2) as service:
        assert len(service.processes("http")) == 1
        assert len(service.processes("worker")) == 2
        assert len(service.processes("redis")) == 1
        assert service.processor_seconds() > service.processor_seconds("http") > 0


def test_percentile() -> None:
    """99 % of the values are no higher than what is told, and one value is its own percentile."""
    assert outcome.percentile(range(1, 1001), 0.99) == 991
    assert outcome.percentile([3.0], 0.99) == 3


def test_cost_is_a_line() -> None:
    """What a task costs for itself and for each second is found from short recordings and a long one."""

    def part(recordings: int, seconds: float) -> dict[str, object]:
        spent = recordings * 0.01 + 0.002 * seconds
        return {"audio_seconds": seconds, "recordings": recordings, "stages": {"decode": {"processor_seconds": spent}}}

    found = cost({"short": part(16, 192.0), "long": part(1, 600.0)}, ("decode",))
    assert found.fixed == pytest.approx(0.01)
    assert found.each == pytest.approx(0.002)
    assert found.of(60) == pytest.approx(0.13)
