"""Speaker verification accuracy on folders of recordings, one folder per speaker.

    python -m benchmarks.accuracy DIR

Every pair of recordings is a trial; both sides of a trial see the same condition. Nothing is fitted. EER and minDCF are
of cosines, Cllr of the log-likelihood ratios that the model's own calibration makes of them, where it has one.
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
from benchmarks.recordings import recordings_by_speaker
from onnx_models import registry
from onnx_models.extractor import Extractor
from onnx_models.fitting.detection import Order, Tally, cllr, equal_error_rate, minimum_cllr, minimum_detection_cost
from onnx_models.profiles import card_profile
from onnx_models.scorer import Scorer
from onnx_models.scoring import Vectors, cosine
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector
from schemas.errors import ConfigurationError

PRIORS = (0.01, 0.05)

Scores = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One row of the result. `speech` is the mean of the recordings in seconds, `minimum_costs` are by PRIORS, and the
    two Cllr, in bits, are None for a model without a calibration.
    """

    condition: str
    targets: int
    nontargets: int
    speech: float
    equal_error_rate: float
    minimum_costs: tuple[float, ...]
    cllr: float | None
    minimum_cllr: float | None


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
    return _accuracy(condition.name, np.array(labels), np.stack(vectors), np.array(lengths), extractor.card)


def _accuracy(
    condition: str, labels: npt.NDArray[np.str_], vectors: Vectors, lengths: Scores, card: registry.SpeakerCard
) -> Accuracy:
    trials = _tally(cosine(vectors, vectors), labels)
    profile, ratios = card_profile(card), None
    if profile.calibration is not None:
        scorer = Scorer(profile.mean, card.unit_length, profile)
        ratios = _tally(scorer.llr(vectors, lengths, vectors, lengths), labels)
    return Accuracy(
        condition,
        targets=round(trials.targets.sum()),
        nontargets=round(trials.nontargets.sum()),
        speech=float(lengths.mean()),
        equal_error_rate=equal_error_rate(trials),
        minimum_costs=tuple(minimum_detection_cost(trials, prior) for prior in PRIORS),
        cllr=None if ratios is None else cllr(ratios),
        minimum_cllr=None if ratios is None else minimum_cllr(ratios),
    )


def _tally(scores: Scores, labels: npt.NDArray[np.str_]) -> Tally:
    """Every pair once, of `scores` (recordings, recordings)."""
    rows, columns = np.triu_indices(len(labels), k=1)
    same = labels[rows] == labels[columns]
    if same.all() or not same.any():
        raise ConfigurationError("trials need at least two speakers, and two recordings of one of them")
    return Order(scores[rows, columns], same).tally()


def table(rows: list[Accuracy]) -> Table:
    first = rows[0]
    drawn = Table(title=f"{first.targets} target and {first.nontargets} non-target trials")
    drawn.add_column("condition", no_wrap=True)
    for title in ("speech\ns", "EER\n%", *(f"minDCF\n{prior}" for prior in PRIORS), "Cllr\nbits", "minCllr\nbits"):
        drawn.add_column(title, justify="right")
    for row in rows:
        costs = ["-" if cost is None else f"{cost:.3f}" for cost in (*row.minimum_costs, row.cllr, row.minimum_cllr)]
        drawn.add_row(row.condition, f"{row.speech:.1f}", f"{100 * row.equal_error_rate:.2f}", *costs)
    return drawn


def main(
    folder: Annotated[Path, typer.Argument(help="A folder with one folder of recordings for each speaker.")],
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = registry.DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    processes: Annotated[int, typer.Option(help="Conditions that are measured at once.")] = os.cpu_count() or 1,
) -> None:
    """Measure EER, minDCF and Cllr under several conditions."""
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
