"""The mean vector of a speaker model over a folder of recordings, each of another speaker.

    python -m benchmarks.mean_vector DIR --out onnx_models/cards/ge2e-mean.npy

Every recording counts the same: the mean of the unit vectors, not centred, as float32. A new mean makes a new
embedding space, so the card's `space` has to change with it.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from benchmarks.recordings import recordings_in
from onnx_models.extractor import Extractor
from onnx_models.registry import DEFAULT_MODEL, default_models_dir, speaker_card


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings, one speaker each.")],
    out: Annotated[Path, typer.Option(help="The .npy file to write.")],
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
) -> None:
    """Compute the mean vector of a speaker model and write it as float32 .npy."""
    nothing = np.zeros(speaker_card(model).dimension, np.float32)
    extractor = Extractor.open(model, models_dir=models_dir or default_models_dir(), device="cpu", mean=nothing)
    vectors = []
    for path in track(recordings_in(folder), description="extracting"):
        vectors += [voiceprint.vector for voiceprint in extractor.extract(path) if voiceprint.has_speech]
    mean = np.mean(vectors, axis=0, dtype=np.float64)
    np.save(out, mean.astype(np.float32))
    typer.echo(f"mean of {len(vectors)} vectors, length {np.linalg.norm(mean):.4f}, written to {out}")


if __name__ == "__main__":
    typer.run(main)
