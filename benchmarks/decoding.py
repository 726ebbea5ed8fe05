"""What it costs that recordings are decoded in confined child processes.

    python -m benchmarks.decoding DIR [--rounds 5] [--each 60]

DIR holds recordings, of which speech of 3 and of 15 s is made as WAV, FLAC and MP3, and as m4a where FFmpeg is there.
Each is decoded in this process and in a child, in turns. Processor time is that of this process, of the zygote and of
the children together, and each by itself; of the wall time it is the median. All figures are medians over the rounds,
in milliseconds.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Annotated

import soundfile
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import processor_time
from benchmarks.recordings import cuttings
from onnx_models.decoders import opening
from onnx_models.decoders.confined import ZYGOTES
from onnx_models.media import MediaLimits, Recording, has_extra

_LENGTHS = (3.0, 15.0)
# What libsndfile writes by the ending of a name.
_WRITTEN = {"wav": "PCM_16", "flac": "PCM_16", "mp3": "MPEG_LAYER_III"}
# Between two recordings, as in a worker, there is time to make the next child ready.
_PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds per recording: processor time of the caller, of the zygote and of the children, and wall time."""

    caller: float
    zygote: float
    children: float
    wall: float

    @property
    def processor(self) -> float:
        return self.caller + self.zygote + self.children


def here(path: Path) -> None:
    """Decodes in this process."""
    with FileIO(path) as file, opening.opened(file, *opening.identified(file, has_extra())) as decoder:
        for _ in decoder.blocks():
            pass


def confined(path: Path) -> None:
    """Decodes as the appliance does, in a child."""
    with closing(Recording(path, MediaLimits())) as recording:
        for _ in recording.samples((0,), recording.info.sample_rate):
            pass


def cost(decode: Callable[[Path], None], path: Path, each: int) -> Cost:
    """Decodes `path` so many times."""
    zygotes = [zygote.pid for zygote in ZYGOTES.values() if zygote.pid is not None]
    walls, caller = [], 0.0
    zygote, children = _spent(zygotes)
    for _ in range(each):
        started, spent = time.perf_counter(), time.process_time()
        decode(path)
        walls.append(time.perf_counter() - started)
        time.sleep(_PAUSE_SECONDS)
        caller += time.process_time() - spent
    # The last child is on its way out.
    time.sleep(10 * _PAUSE_SECONDS)
    zygote_after, children_after = _spent(zygotes)
    return Cost(
        caller / each, (zygote_after - zygote) / each, (children_after - children) / each, statistics.median(walls)
    )


def _spent(zygotes: list[int]) -> tuple[float, float]:
    return sum(map(processor_time.own, zygotes)), sum(map(processor_time.of_children, zygotes))


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(one, name) for one in costs) for name in Cost.__slots__))


def _files(folder: Path, into: Path) -> Iterator[Path]:
    for cutting in cuttings(folder, into, _LENGTHS):
        samples, rate = soundfile.read(cutting, dtype="float32")
        for kind, subtype in _WRITTEN.items():
            path = into / f"{len(samples) / rate:.0f}s.{kind}"
            soundfile.write(path, samples, rate, subtype=subtype)
            yield path
        if has_extra():
            yield _m4a(cutting, into / f"{len(samples) / rate:.0f}s.m4a")


def _m4a(source: Path, path: Path) -> Path:
    import av  # noqa: PLC0415  # which need not be there

    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        stream = written.add_stream("aac", rate=read.streams.audio[0].rate)
        for frame in read.decode(audio=0):
            written.mux(stream.encode(frame))
        written.mux(stream.encode(None))
    return path


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True)],
    rounds: Annotated[int, typer.Option(min=5, help="How often both ways are measured, in turns.")] = 5,
    each: Annotated[int, typer.Option(min=10, help="How many times a recording is decoded in a round.")] = 60,
) -> None:
    """Measure decoding in this process and in confined children."""
    table = Table("ms", "here", "child", "more", "caller", "zygote", "children", "wall here", "wall child")
    with tempfile.TemporaryDirectory() as scratch:
        for path in _files(folder, Path(scratch)):
            here(path)
            confined(path)
            pairs = [(cost(here, path, each), cost(confined, path, each)) for _ in range(rounds)]
            inside, outside = (_median([pair[which] for pair in pairs]) for which in (0, 1))
            seconds = (
                *(inside.processor, outside.processor, outside.processor - inside.processor),
                *(outside.caller, outside.zygote, outside.children, inside.wall, outside.wall),
            )
            table.add_row(path.name, *(f"{one * 1000:.2f}" for one in seconds))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
