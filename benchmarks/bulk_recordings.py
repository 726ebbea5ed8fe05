"""Recordings in bulk: `voiceprint extract` of a folder beside the running service that is sent the same files.

    python -m benchmarks.bulk_recordings DIR

DIR holds recordings, in folders or not; 300 of 5 to 20 s are cut from them, the same in every run. By turns the service
does them, its models open and with more clients than workers, and the command, from the start of its process to its
last file; it does a few of them as well, which tells its start from its work. Seconds are of the clock and of all
processors that had a part in it.
"""

import asyncio
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import outcome
from benchmarks.client import crowd, extracted, session
from benchmarks.machine import cores
from benchmarks.outcome import JsonFile, Rounds
from benchmarks.recordings import cuttings, random_lengths
from benchmarks.running import Running, running
from onnx_models import registry
from schemas import json

_SHORTEST, _LONGEST = 5.0, 20.0
# Enough that no worker waits for a client.
_CLIENTS = 16
_TOLD = 10_000
_SERVICE, _COMMAND, _FEW = "the service", "voiceprint extract", "voiceprint extract, a few"

_Taken = dict[str, list[tuple[float, float]]]


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True)],
    recordings: Annotated[int, typer.Option(min=20, help="How many recordings of 5 to 20 s.")] = 300,
    rounds: Rounds = outcome.MEDIAN_OF,
    model: Annotated[str, typer.Option(help="The speaker model.")] = registry.DEFAULT_MODEL,
    json_file: JsonFile = None,
) -> None:
    """Measure recordings in bulk."""
    lengths = random_lengths(recordings, _SHORTEST, _LONGEST)
    with tempfile.TemporaryDirectory(prefix="voiceprint-benchmark-") as made:
        (Path(made) / "all").mkdir()
        (Path(made) / "few").mkdir()
        paths = cuttings(folder, Path(made) / "all", lengths)
        few = paths[: 2 * cores()]
        for path in few:
            (Path(made) / "few" / path.name).symlink_to(path)
        taken = asyncio.run(_taken(Path(made), paths, few, rounds, model))
    outcome.written(json_file, "bulk recordings", _told(taken, recordings, len(few), sum(lengths)))


async def _taken(made: Path, paths: Sequence[Path], few: Sequence[Path], rounds: int, model: str) -> _Taken:
    taken: _Taken = {name: [] for name in (_SERVICE, _COMMAND, _FEW)}
    async with running(model=model, models_dir=registry.default_models_dir()) as service:
        await _served(service, few)
        for number in range(rounds):
            taken[_SERVICE].append(await _served(service, paths))
            taken[_COMMAND].append(await _commanded(made / "all", made / "out", model))
            taken[_FEW].append(await _commanded(made / "few", made / "out", model))
            told = ", ".join(f"{name} {both[-1][0]:.2f} s" for name, both in taken.items())
            typer.echo(f"round {number + 1}: {told}", err=True)
    return taken


async def _served(service: Running, paths: Sequence[Path]) -> tuple[float, float]:
    """Seconds, and those of processors, of the appliance and its clients, which are this process."""
    before, started = service.processor_seconds() + time.process_time(), time.perf_counter()
    async with session(service.url) as http:

        async def one(path: Path) -> None:
            await extracted(http, await asyncio.to_thread(path.read_bytes))

        await crowd(_CLIENTS, one, paths)
    return time.perf_counter() - started, service.processor_seconds() + time.process_time() - before


async def _commanded(folder: Path, out: Path, model: str) -> tuple[float, float]:
    """The same of the command, which leaves its output to be deleted. Raises SystemExit where it fails."""
    voiceprint = Path(sys.executable).with_name("voiceprint")
    # In a session of its own, as the service: a scheduler shares what there is among sessions.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.reaped"),
        *(str(voiceprint), "extract", "--model", model, str(folder), str(out)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed, said = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    told = json.decode(printed)
    if told["code"]:
        raise SystemExit(said.decode())
    shutil.rmtree(out)
    return told["seconds"], told["processor_seconds"]


def _told(taken: _Taken, count: int, few: int, seconds: float) -> dict[str, Any]:
    """What of each recording is, where the start counts for nothing, as among very many."""
    clock, processors = (
        {name: statistics.median(one[which] for one in both) for name, both in taken.items()} for which in (0, 1)
    )

    def each(of: dict[str, float]) -> dict[str, float]:
        return {_SERVICE: of[_SERVICE] / count, _COMMAND: (of[_COMMAND] - of[_FEW]) / (count - few)}

    by_clock, by_processors = each(clock), each(processors)
    outcome.shown(
        f"{count} recordings, {seconds:.0f} s of audio, {cores()} cores",
        ("", "seconds", "processor seconds", "recordings a second", "of each: ms", "processor ms"),
        [
            (
                name,
                outcome.spread([one[0] for one in both]),
                outcome.spread([one[1] for one in both]),
                f"{(few if name == _FEW else count) / clock[name]:.1f}",
                f"{1000 * by_clock[name]:.1f}" if name in by_clock else "",
                f"{1000 * by_processors[name]:.1f}" if name in by_processors else "",
            )
            for name, both in taken.items()
        ],
    )
    typer.echo(
        f"{_TOLD:,} such recordings: {_TOLD * by_clock[_SERVICE]:.0f} s by the service, "
        f"{clock[_FEW] + (_TOLD - few) * by_clock[_COMMAND]:.0f} s by the command"
    )
    ratios = {
        "clock": by_clock[_SERVICE] / by_clock[_COMMAND],
        "processors": by_processors[_SERVICE] / by_processors[_COMMAND],
    }
    typer.echo(
        f"the command is {ratios['clock']:.2f} times as fast, by processor time {ratios['processors']:.2f} times"
    )
    return {"recordings": count, "taken": taken, "ratios": ratios}


if __name__ == "__main__":
    typer.run(main)
