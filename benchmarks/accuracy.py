"""Speaker verification accuracy on folders of recordings, one folder per speaker.

    python -m benchmarks.accuracy DIR

Every pair of recordings is a trial, scored by cosine; both sides of a trial see the same condition. Nothing is fitted.
"""

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.conditions import CONDITIONS, Condition, treated
from benchmarks.detection import equal_error_rate, minimum_detection_cost
from benchmarks.recordings import recordings_by_speaker
from onnx_models import registry
from onnx_models.extractor import Extractor
from onnx_models.scoring import Vectors, cosine
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector
from schemas.errors import ConfigurationError

PRIORS = (0.01, 0.05)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One row of the result; `minimum_costs` are by PRIORS, `speech` in mean seconds per recording."""

    condition: str
    targets: int
    nontargets: int
    speech: float
    equal_error_rate: float
    minimum_costs: tuple[float, ...]


def measure(
    condition: Condition, speakers: dict[str, list[Path]], model: str, models_dir: Path, device: str
) -> Accuracy:
    """Extract every recording under `condition` once, its channels mixed, and score every pair.

    Recordings without speech keep their place: their vector of zeros scores 0 with everything.
    """
    extractor = Extractor.open(model, models_dir=models_dir, device=device)
    voice_activity = registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), models_dir)
    detector = SpeechDetector(open_session(voice_activity, "cpu"))
    labels, vectors, lengths = [], [], []
    for speaker, paths in speakers.items():
        for path in paths:
            with tempfile.TemporaryDirectory() as folder:
                heard = treated(path, condition, detector, Path(folder))
                (voiceprint,) = extractor.extract(
                    heard, channel_mode="mix", max_speech_length=condition.speech_seconds, media_sha256=bytes(32)
                )
            labels.append(speaker)
            vectors.append(voiceprint.vector)
            lengths.append(voiceprint.speech_length)
    return _score(condition.name, np.array(labels), np.stack(vectors), float(np.mean(lengths)))


def _score(name: str, labels: npt.NDArray[np.str_], vectors: Vectors, speech: float) -> Accuracy:
    scores = cosine(vectors, vectors)
    once = np.triu(np.ones(scores.shape, bool), k=1)
    same = labels[:, np.newaxis] == labels
    targets, nontargets = scores[once & same], scores[once & ~same]
    if not len(targets) or not len(nontargets):
        raise ConfigurationError("trials need at least two speakers, and two recordings of one of them")
    costs = tuple(minimum_detection_cost(targets, nontargets, prior) for prior in PRIORS)
    return Accuracy(name, len(targets), len(nontargets), speech, equal_error_rate(targets, nontargets), costs)


def table(rows: list[Accuracy]) -> Table:
    first = rows[0]
    drawn = Table(title=f"{first.targets} target and {first.nontargets} non-target trials")
    drawn.add_column("condition")
    for title in ("speech, s", "EER, %", *(f"minDCF({prior})" for prior in PRIORS)):
        drawn.add_column(title, justify="right")
    for row in rows:
        costs = [f"{cost:.3f}" for cost in row.minimum_costs]
        drawn.add_row(row.condition, f"{row.speech:.1f}", f"{100 * row.equal_error_rate:.2f}", *costs)
    return drawn


def main(
    folder: Annotated[Path, typer.Argument(help="A folder with one folder of recordings for each speaker.")],
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = registry.DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    processes: Annotated[int, typer.Option(help="Conditions that are measured at once.")] = os.cpu_count() or 1,
) -> None:
    """Measure EER and minDCF under several conditions."""
    one = partial(
        measure,
        speakers=recordings_by_speaker(folder),
        model=model,
        models_dir=models_dir or registry.default_models_dir(),
        device=device,
    )
    # Not forked: what a fork of a process with threads inherits may never be unlocked.
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        rows = list(track(pool.map(one, CONDITIONS), total=len(CONDITIONS), description="measuring", transient=True))
    Console().print(table(rows))


if __name__ == "__main__":
    typer.run(main)
