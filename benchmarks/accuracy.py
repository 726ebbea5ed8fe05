"""Speaker verification accuracy on folders of recordings, one folder per speaker.

    python -m benchmarks.accuracy DIR

Every pair of recordings is a trial, scored by cosine; both sides of a trial see the same condition. Nothing is fitted.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.detection import equal_error_rate, minimum_detection_cost
from benchmarks.recordings import recordings_by_speaker
from onnx_models.extractor import Extractor
from onnx_models.registry import DEFAULT_MODEL, default_models_dir
from onnx_models.scoring import Vectors, cosine
from schemas.errors import ConfigurationError

_TELEPHONE_RATE = 8000
PRIORS = (0.01, 0.05)


@dataclass(frozen=True, slots=True)
class Condition:
    """How recordings are treated before they are compared; `speech_seconds` bounds what is listened to."""

    name: str
    speech_seconds: float | None = None
    telephone: bool = False


CONDITIONS = (
    Condition("whole"),
    *(Condition(f"{seconds} s of speech", speech_seconds=seconds) for seconds in (10, 5, 3, 2, 1)),
    Condition("8 kHz mu-law", telephone=True),
)


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
    extractor: Extractor, speakers: dict[str, list[Path]], condition: Condition, advance: Callable[[], None]
) -> Accuracy:
    """Extract every recording under `condition` once and score every pair; `advance` is called after each recording.

    Recordings without speech keep their place: their vector of zeros scores 0 with everything.
    """
    labels, vectors, lengths = [], [], []
    for speaker, paths in speakers.items():
        for path in paths:
            with tempfile.TemporaryDirectory() as folder:
                heard = _over_telephone(path, Path(folder)) if condition.telephone else path
                voiceprint = extractor.extract(
                    heard, channel_mode="mix", max_speech_length=condition.speech_seconds, media_sha256=bytes(32)
                )[0]
            labels.append(speaker)
            vectors.append(voiceprint.vector)
            lengths.append(voiceprint.speech_length)
            advance()
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


def _over_telephone(path: Path, folder: Path) -> Path:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    narrow = soxr.resample(samples, rate, _TELEPHONE_RATE, quality="HQ")
    heard = folder / "telephone.wav"
    soundfile.write(heard, narrow, _TELEPHONE_RATE, subtype="ULAW")
    return heard


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
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure EER and minDCF under several conditions."""
    speakers = recordings_by_speaker(folder)
    extractor = Extractor.open(model, models_dir=models_dir or default_models_dir(), device=device)
    rows = []
    with Progress(transient=True) as progress:
        for condition in CONDITIONS:
            task = progress.add_task(condition.name, total=sum(map(len, speakers.values())))
            rows.append(measure(extractor, speakers, condition, partial(progress.advance, task)))
    Console().print(table(rows))


if __name__ == "__main__":
    typer.run(main)
