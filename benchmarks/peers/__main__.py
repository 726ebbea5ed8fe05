"""The whole job, from file bytes to voiceprint, through the running service and by other programs, by turns.

    make peers
    python -m benchmarks.peers resemblyzer DIR
    python -m benchmarks.peers sherpa-onnx DIR

DIR holds recordings, in folders or not, at 16 kHz; 100 of 5 to 20 s and one of an hour are cut from them, the same in
every run. All programs use all cores: for many recordings one process of one thread on each, for the long one as many
threads as there are cores. Every program has its models open, and has done some recordings before.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import soundfile
import typer

from benchmarks import outcome
from benchmarks.client import crowd, extracted, session
from benchmarks.machine import cores
from benchmarks.outcome import JsonFile, Rounds
from benchmarks.peers import brought, eer
from benchmarks.peers.contest import Contestant, Task, held
from benchmarks.peers.crew import Command, crew, interpreter, silero
from benchmarks.recordings import cuttings, random_lengths
from benchmarks.running import Running, running
from onnx_models import registry

_SHORTEST, _LONGEST, _HOUR = 5.0, 20.0, 3600.0
# Enough that no worker waits for a client.
_CLIENTS = 16
_OURS_32, _OURS_8 = "appliance, 32 bits", "appliance, 8 bits"

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True, show_default=False)]
Python = Annotated[
    Path | None, typer.Option(help="Python of the peers' environment; .venv-peers/bin/python.", show_default=False)
]
Recordings = Annotated[int, typer.Option(min=8, help="How many recordings of 5 to 20 s.")]
Hour = Annotated[float, typer.Option(min=0, help="Length of the long recording, seconds; 0 leaves it out.")]
Speakers = Annotated[
    Path | None,
    typer.Option(help="Folders of recordings, one for each speaker, for the EER of both models.", show_default=False),
]

app = typer.Typer(help=__doc__.partition("\n")[0], no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class _Contest:
    """`models` of the appliance and `peers`, both by the name that they have in tables, and what is wanted of them."""

    models: Mapping[str, str]
    peers: Mapping[str, Command]
    wanted: Sequence[tuple[str, str, float]]

    async def held(self, models_dir: Path, recordings: Mapping[str, Sequence[Path]], rounds: int) -> dict[str, Any]:
        default, *more = self.models.values()
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(
                running(models_dir=models_dir, model=default, more_models=",".join(more))
            )
            http = await stack.enter_async_context(session(service.url))

            async def ours(model: str, paths: Sequence[Path]) -> float:
                speech: list[float] = []

                async def one(path: Path) -> None:
                    result = await extracted(http, await asyncio.to_thread(path.read_bytes), model)
                    speech.append(result["channels"][0]["speech_length"])

                await crowd(_CLIENTS, one, paths)
                return sum(speech)

            tasks, warming = [], next(iter(recordings.values()))[: 2 * cores()]
            for name, paths in recordings.items():
                size = min(len(paths), cores())
                contestants = [
                    Contestant(label, partial(ours, model), partial(_spent, service))
                    for label, model in self.models.items()
                ]
                for label, command in self.peers.items():
                    peer = await stack.enter_async_context(crew(command, size=size, threads=cores() // size))
                    contestants.append(Contestant(label, peer.work, peer.processor_seconds))
                seconds = sum(soundfile.info(path).duration for path in paths)
                tasks.append(Task(name, paths, seconds, warming, contestants, self.wanted))
            return await held(tasks, rounds)


@app.command()
def resemblyzer(
    folder: Folder,
    *,
    python: Python = None,
    rounds: Rounds = outcome.MEDIAN_OF,
    recordings: Recordings = 100,
    hour: Hour = _HOUR,
    speakers: Speakers = None,
    json_file: JsonFile = None,
) -> None:
    """The default model, in 32 and in 8 bits, beside the program that its weights come from."""
    name, models = "resemblyzer", {_OURS_32: registry.DEFAULT_MODEL, _OURS_8: f"{registry.DEFAULT_MODEL}-int8"}
    peer = Command(interpreter(python), "resemblyzer_job.py")
    contest = _Contest(models, {name: peer}, [(_OURS_32, name, 1.0), (_OURS_8, name, 1.6)])
    with tempfile.TemporaryDirectory() as scratch:
        models_dir = brought.installed(list(models.values()), Path(scratch))
        tasks = _cut(folder, Path(scratch), recordings, hour)
        found = asyncio.run(contest.held(models_dir, tasks, rounds))
        if speakers is not None:
            found["accuracy"] = eer.compared(speakers, list(models.values()), models_dir)
    outcome.written(json_file, "peers resemblyzer", found)


@app.command()
def sherpa_onnx(
    folder: Folder,
    *,
    python: Python = None,
    rounds: Rounds = outcome.MEDIAN_OF,
    recordings: Recordings = 100,
    hour: Hour = _HOUR,
    json_file: JsonFile = None,
) -> None:
    """An ECAPA-TDNN of random weights, in 32 and in 8 bits, beside the same files in sherpa-onnx."""
    interpreted = interpreter(python)
    names = {bits: f"sherpa-onnx, {bits} bits" for bits in (32, 8)}
    with tempfile.TemporaryDirectory() as scratch:
        models_dir = brought.installed([registry.DEFAULT_MODEL], Path(scratch))
        files = brought.bring(models_dir, _some(folder, Path(scratch)))
        peers = {
            names[bits]: Command(
                interpreted, "sherpa_onnx_job.py", (silero(interpreted), files[model], brought.WINDOW_SECONDS)
            )
            for bits, model in ((32, brought.NAME), (8, brought.EIGHT_BITS))
        }
        models = {_OURS_32: brought.NAME, _OURS_8: brought.EIGHT_BITS}
        contest = _Contest(models, peers, [(_OURS_32, names[32], 1.25), (_OURS_8, names[8], 1.5)])
        tasks = _cut(folder, Path(scratch), recordings, hour)
        found = asyncio.run(contest.held(models_dir, tasks, rounds))
    outcome.written(json_file, "peers sherpa-onnx", found)


def _spent(service: Running) -> float:
    """Processor seconds of the appliance and of its clients, which are this process."""
    return service.processor_seconds() + time.process_time()


def _some(folder: Path, scratch: Path) -> Path:
    """A folder with some of the speech, to calibrate 8 bits on."""
    into = scratch / "calibration"
    into.mkdir()
    cuttings(folder, into, [10.0] * 16)
    return into


def _cut(folder: Path, scratch: Path, count: int, hour: float) -> dict[str, list[Path]]:
    """The recordings of every task by its name."""
    lengths = {"many recordings": random_lengths(count, _SHORTEST, _LONGEST), "one recording": [hour] if hour else []}
    made = {}
    for name, wanted in lengths.items():
        into = scratch / name
        into.mkdir()
        made[name] = cuttings(folder, into, wanted)
    return {name: paths for name, paths in made.items() if paths}


if __name__ == "__main__":
    app()
