"""Whether CUDA gives the CPU's vectors, and how fast: `make gpu-check`.

    python -m benchmarks.gpu_check [--out gpu-check.json]

The figures go to a JSON file. Exit code 0 when the vectors agree, 1 when they do not, 2 on a machine without CUDA.
"""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from onnx_models import registry
from onnx_models.scoring import Vectors, unit
from onnx_models.session import Session, available_devices, open_session
from schemas.errors import ConfigurationError
from schemas.json import encode

BATCHES = (1, 16, 64)
# Between the vectors of one window on both devices; a voiceprint made on either must score alike.
LEAST_COSINE = 0.9999
_SECONDS_PER_BATCH_SIZE = 3.0
_WINDOWS = 64


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path("gpu-check.json"),
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = registry.DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
) -> None:
    """Compare CUDA with the CPU: parity of the vectors, speed by batch size."""
    card = registry.speaker_card(model)
    try:
        path = registry.verify(card, models_dir or registry.default_models_dir())
        cuda = open_session(path, "cuda")
    except ConfigurationError as error:
        typer.echo(f"gpu-check cannot run: {error.message}", err=True)
        raise typer.Exit(2) from error
    cpu = open_session(path, "cpu")
    windows = _windows(round(card.window_seconds / 0.01))
    cosines = _cosines(_run(cpu, windows), _run(cuda, windows))
    agree = bool(cosines.min() >= LEAST_COSINE)
    hop_seconds = card.hop_seconds
    figures: dict[str, Any] = {
        "model": card.name,
        "devices": available_devices(),
        "parity": {"windows": _WINDOWS, "least_cosine": float(cosines.min()), "demanded": LEAST_COSINE, "agree": agree},
        "speed": [_speed(session, windows, batch, hop_seconds) for session in (cpu, cuda) for batch in BATCHES],
    }
    out.write_bytes(encode(figures, indent=True) + b"\n")
    typer.echo(out.read_text(encoding="utf-8"))
    raise typer.Exit(0 if agree else 1)


def _windows(frames: int) -> Vectors:
    """Mel power as speech has it: skewed, falling with frequency, the same on every machine."""
    generator = np.random.default_rng(20)
    falling = np.geomspace(1.0, 1e-3, 40)
    return (generator.gamma(0.5, 1.0, (_WINDOWS, frames, 40)) * falling).astype(np.float32)


def _run(session: Session, windows: Vectors) -> Vectors:
    return session.run((session.outputs[0],), {session.inputs[0]: windows})[0]


def _cosines(ours: Vectors, theirs: Vectors) -> Vectors:
    cosines: Vectors = (unit(ours) * unit(theirs)).sum(axis=1)
    return cosines


def _speed(session: Session, windows: Vectors, batch: int, hop_seconds: float) -> dict[str, Any]:
    """Windows a second, and seconds of speech a second, since a window comes every `hop_seconds`."""
    chosen = windows[:batch]
    _run(session, chosen)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < _SECONDS_PER_BATCH_SIZE:
        _run(session, chosen)
        count += batch
    rate = count / (time.perf_counter() - start)
    return {
        "device": session.device,
        "batch": batch,
        "windows_per_second": round(rate, 1),
        "times_real_time": round(rate * hop_seconds, 1),
    }


if __name__ == "__main__":
    typer.run(main)
