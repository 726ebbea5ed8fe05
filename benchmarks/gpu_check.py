"""Whether CUDA gives the CPU's vectors, and how fast: `make gpu-check`.

    python -m benchmarks.gpu_check [--recordings DIR] [--out gpu-check.json]

The default model and an ECAPA-TDNN of 512 channels with random weights, in 32 and 16 bits: parity of the vectors, and
speed by batch size, as a plain run and with bound, pinned memory; then windows of many callers that share batches, and
with --recordings the whole extraction. Beside each speed is the share of the time in which the GPU was idle.
The figures go to a JSON file. Exit code 0 when the vectors agree, 1 when they do not, 2 on a machine without CUDA.
`--device cpu` runs the same on a processor, to try the program; let its batches be small.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.gpu_idle import Idle
from benchmarks.peers import ecapa_graph
from benchmarks.recordings import recordings_in
from onnx_models import registry
from onnx_models.batcher import batches
from onnx_models.brought.halve import halved
from onnx_models.gathering import Gathering
from onnx_models.scoring import Vectors, unit
from onnx_models.served import Served
from onnx_models.session import OnnxSession, available_devices, open_session
from schemas.errors import ConfigurationError
from schemas.json import encode

BATCHES = (1, 4, 16, 64, 256)
# Between the vectors of one window on both devices; a voiceprint made on either must score alike. That of 16
# bits is what `voiceprint models quantize` demands too.
LEAST_COSINE = 0.9999
# Times faster than real time: what is published for a speaker network of such a size on a GPU.
PUBLISHED = 1100
# A quarter as many callers as the largest batch has windows share batches of that quarter; each has so many windows at
# a time, as a recording of some seconds.
_CALLERS_SHARE, _WINDOWS_OF_EACH = 4, 8
_PARITY_WINDOWS = 16


@dataclass(frozen=True, slots=True)
class Network:
    """A graph, the one of 32 bits, `windows` (256, frames, bands), and how many seconds of speech each stands for."""

    name: str
    path: Path
    reference: Path
    windows: Vectors
    seconds: float


def main(
    *,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path("gpu-check.json"),
    recordings: Annotated[
        Path | None, typer.Option(help="A folder of recordings, to be extracted as a whole.", show_default=False)
    ] = None,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
    device: Annotated[str, typer.Option(help="cuda, or cpu to try the program.")] = "cuda",
    seconds: Annotated[float, typer.Option(min=0.01, help="How long each speed is measured.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often; the median counts.")] = 5,
    largest_batch: Annotated[int, typer.Option(min=_CALLERS_SHARE, help="Windows in a batch, at most.")] = max(BATCHES),
) -> None:
    """Compare a GPU with the CPU: parity of the vectors, speed by batch size, share of the time it is idle."""
    folder = models_dir or registry.default_models_dir()
    figures: dict[str, Any] = {"devices": available_devices(), "demanded_cosine": LEAST_COSINE, "published": PUBLISHED}
    timed = partial(_timed, seconds=seconds, rounds=rounds)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            networks = _networks(folder, Path(scratch))
            found = [_checked(network, device, timed, largest_batch) for network in networks]
        except ConfigurationError as error:
            typer.echo(f"gpu-check cannot run: {error.message}", err=True)
            raise typer.Exit(2) from error
    figures["networks"] = found
    if recordings is not None:
        figures["extraction"] = _extraction(recordings_in(recordings), folder, device)
    out.write_bytes(encode(figures, indent=True) + b"\n")
    typer.echo(out.read_text(encoding="utf-8"))
    raise typer.Exit(0 if all(network["agree"] for network in found) else 1)


def _networks(models_dir: Path, scratch: Path) -> Iterator[Network]:
    card = registry.speaker_card(registry.DEFAULT_MODEL)
    generator = np.random.default_rng(20)
    # Mel power as speech has it: skewed, falling with frequency, the same on every machine.
    mels = generator.gamma(0.5, 1.0, (max(BATCHES), round(card.window_seconds / 0.01), 40)) * np.geomspace(1, 1e-3, 40)
    ecapa = scratch / "ecapa-512.onnx"
    ecapa.write_bytes(ecapa_graph.build())
    # Windows of 2 s, side by side, as such networks are timed; of logarithms with a mean of zero.
    frames = generator.normal(0, 2, (max(BATCHES), 198, ecapa_graph.BANDS))
    for name, path, windows, seconds in (
        (card.name, registry.verify(card, models_dir), mels, card.hop_seconds),
        (ecapa.stem, ecapa, frames, 2.0),
    ):
        half = scratch / f"{name}-fp16.onnx"
        half.write_bytes(halved(path)[0])
        for bits, file in ((32, path), (16, half)):
            yield Network(f"{name}, {bits} bits", file, path, windows.astype(np.float32), seconds)


def _checked(
    network: Network, device: str, timed: "Callable[..., dict[str, Any]]", largest_batch: int
) -> dict[str, Any]:
    session, cpu = open_session(network.path, device), open_session(network.reference, "cpu")
    windows = network.windows[:_PARITY_WINDOWS]
    cosine = float((unit(_run(session, windows)) * unit(_run(cpu, windows))).sum(axis=1).min())
    speeds = [
        {"way": way, "batch": batch, **timed(work, windows=batch, seconds_each=network.seconds)}
        for batch in BATCHES
        if batch <= largest_batch
        for way, work in (
            ("run", partial(_run, session, network.windows[:batch])),
            ("bound", _bound(session, network.windows[:batch])),
        )
    ]
    callers = shared_batch = largest_batch // _CALLERS_SHARE
    gathering = Gathering(session, 0, shared_batch)
    asked = list(batches([(window,) for window in network.windows[:_WINDOWS_OF_EACH]], _WINDOWS_OF_EACH))
    with ThreadPoolExecutor(callers) as pool:

        def ask() -> None:
            list(pool.map(lambda _: list(gathering.vectors(asked)), range(callers)))

        shared = timed(ask, windows=callers * _WINDOWS_OF_EACH, seconds_each=network.seconds)
    gathering.close()
    return {
        "network": network.name,
        "device": session.device,
        "least_cosine": cosine,
        "agree": cosine >= LEAST_COSINE,
        "speeds": speeds,
        "shared_by_callers": {"callers": callers, "batch": shared_batch, **shared},
    }


def _run(session: OnnxSession, windows: Vectors) -> Vectors:
    return session.run((session.outputs[0],), {session.inputs[0]: windows})[0]


def _bound(session: OnnxSession, windows: Vectors) -> Callable[[], Vectors]:
    """A run for which the windows are first copied to where it reads them."""
    bound = session.bound(session.outputs[0], [windows])

    def run() -> Vectors:
        bound.inputs[0][:] = windows
        return bound.run()

    return run


def _timed(
    work: Callable[[], object], *, windows: int, seconds_each: float, seconds: float, rounds: int
) -> dict[str, Any]:
    """How many windows a second `work`, which does `windows`, gets through: the median of `rounds`."""
    work()
    rates = []
    with Idle() as idle:
        for _ in range(rounds):
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                work()
                count += windows
            rates.append(count / (time.perf_counter() - start))
    rate = float(np.median(rates))
    return _figures(rate, rate * seconds_each, idle.share)


def _extraction(paths: list[Path], models_dir: Path, device: str) -> dict[str, Any]:
    """Recordings as one worker works on them, as many at a time as it does."""
    served = Served.open([registry.DEFAULT_MODEL], models_dir=models_dir, device=device)
    extractor = served.extractor()
    with ThreadPoolExecutor(served.attempts_at_once) as pool, Idle() as idle:
        start = time.perf_counter()
        found = list(pool.map(extractor.extract, paths))
        taken = time.perf_counter() - start
    length = sum(voiceprint.recording_length for channels in found for voiceprint in channels)
    return {"recordings": len(paths), "at_once": served.attempts_at_once, **_figures(None, length / taken, idle.share)}


def _figures(rate: float | None, times_real_time: float, idle: float | None) -> dict[str, Any]:
    return {
        "windows_per_second": rate and round(rate, 1),
        "times_real_time": round(times_real_time, 1),
        "of_published": round(times_real_time / PUBLISHED, 3),
        "gpu_idle": idle,
    }


if __name__ == "__main__":
    typer.run(main)
