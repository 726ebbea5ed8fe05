"""Trains the head that tells gender from a model's embeddings, and says how well it does.

    python -m benchmarks.gender_head DIR --labels RECORDINGS.csv

Logistic regression on raw embeddings of unit length: of each speaker's recording, and of pieces of several lengths,
also over a telephone and in noise. Every speaker counts the same whatever the length of the recording, and so do the
conditions of each, and both sexes. Regularisation is chosen, and scores are calibrated, on speakers that the regression
has not seen (10 folds).
"""

import csv
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.progress import track

from benchmarks.conditions import CONDITIONS, Condition, treated
from benchmarks.recordings import recordings_in
from onnx_models import registry
from onnx_models.extractor import Extractor
from onnx_models.heads import SHIPPED, HeadCard, load_head
from onnx_models.heads.weights import pack
from onnx_models.install.writing import write_atomically
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector

Numbers = npt.NDArray[np.float64]

# Seconds of recording; None is the whole. Of other conditions, what is worth the time.
_LENGTHS = {"whole": (None, 5.0, 3.0, 2.0, 1.0, 0.5)}
_TREATED = (None, 3.0)
_CONDITIONS = ("whole", "8 kHz mu-law", "GSM full rate", "white noise at 10 dB")
# Of as much weight as there are speakers; the best is chosen.
_STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
_FOLDS = 10
# Seconds of speech below which the head tells nothing.
MINIMUM_SPEECH = 0.5
_STEPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Raw embeddings (n, dimension) of pieces of speech, and of each the speaker, the sex and the condition (n,)."""

    raw: Numbers
    speakers: npt.NDArray[np.str_]
    male: npt.NDArray[np.bool_]
    conditions: npt.NDArray[np.str_]

    def weights(self) -> Numbers:
        """(n,): the same for every speaker, within it for every condition, and for both sexes; in all, the speakers."""
        speakers, who = np.unique(self.speakers, return_inverse=True)
        names, which = np.unique(self.conditions, return_inverse=True)
        counts = np.zeros((len(speakers), len(names)))
        np.add.at(counts, (who, which), 1)
        weights: Numbers = 1 / counts[who, which] / (counts > 0).sum(axis=1)[who]
        for sex in (True, False):
            weights[self.male == sex] *= len(speakers) / 2 / weights[self.male == sex].sum()
        return weights


def labels(path: Path) -> dict[Path, tuple[str, bool]]:
    """Speaker and whether male, of every recording in a table with the columns file, speaker and sex (M or F)."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            (path.parent / row["file"]).resolve(): (row["speaker"], row["sex"] == "M") for row in csv.DictReader(file)
        }


def pieces_of(
    folder: Path, known: Mapping[Path, tuple[str, bool]], extractor: Extractor, detector: SpeechDetector
) -> Pieces:
    """The pieces of all recordings in `folder` that have a label."""
    rows = []
    for path in track([found for found in recordings_in(folder) if found.resolve() in known], "extracting"):
        for condition in (found for found in CONDITIONS if found.name in _CONDITIONS):
            rows += [(*known[path.resolve()], *piece) for piece in _pieces(path, condition, extractor, detector)]
    speakers, male, names, raw = zip(*rows, strict=True)
    return Pieces(np.array(raw, np.float64), np.array(speakers), np.array(male), np.array(names))


def _pieces(
    path: Path, condition: Condition, extractor: Extractor, detector: SpeechDetector
) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    with tempfile.TemporaryDirectory() as folder:
        heard = treated(path, condition, detector, Path(folder))
        for length in _LENGTHS.get(condition.name, _TREATED):
            start, end = 0.0, np.inf
            while start + (length or 0) <= end:
                (found,) = extractor.extract(
                    heard,
                    channel_mode="mix",
                    range_from=start,
                    range_to=None if length is None else start + length,
                    media_sha256=bytes(32),
                )
                if found.has_speech:
                    yield condition.name + (f", {length:g} s" if length else ""), found.vector
                end = found.recording_length if length else 0.0
                start += length or 1.0


def fit(x: Numbers, male: npt.NDArray[np.bool_], weights: Numbers, strength: float) -> Numbers:
    """Weights and offset (dimension + 1,) of the logistic regression of `male` (n,) on `x` (n, dimension).

    Newton's method on the weighted log likelihood less `strength` / 2 times the squared weights without the offset.
    """
    wide = np.column_stack((x, np.ones(len(x))))
    ridge = np.append(np.full(x.shape[1], strength), 0.0)
    found = np.zeros(wide.shape[1])
    for _ in range(_STEPS):
        likely = (1 + np.tanh(wide @ found / 2)) / 2
        slope = wide.T @ (weights * (likely - male)) + ridge * found
        curvature = (wide.T * (weights * likely * (1 - likely))) @ wide + np.diag(ridge)
        step = np.linalg.solve(curvature, slope)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    return found


def unseen_scores(pieces: Pieces, strength: float) -> Numbers:
    """The score (n,) of every piece by a regression that has not seen its speaker."""
    folds: dict[str, int] = {}
    for sex in (True, False):
        speakers = np.unique(pieces.speakers[pieces.male == sex])
        shuffled = np.random.default_rng(0).permutation(speakers)
        folds |= {speaker: number % _FOLDS for number, speaker in enumerate(shuffled)}
    fold = np.array([folds[speaker] for speaker in pieces.speakers])
    scores, weights = np.zeros(len(fold)), pieces.weights()
    for number in range(_FOLDS):
        seen = fold != number
        found = fit(pieces.raw[seen], pieces.male[seen], weights[seen], strength)
        scores[~seen] = pieces.raw[~seen] @ found[:-1] + found[-1]
    return scores


def cllr(scores: Numbers, male: npt.NDArray[np.bool_], weights: Numbers) -> float:
    """Cost of the log-likelihood ratios `scores` in bits: 0 is perfect, 1 is knowing nothing."""
    costs = np.logaddexp(0, np.where(male, -scores, scores)) / np.log(2)
    return float(np.mean([np.average(costs[male == sex], weights=weights[male == sex]) for sex in (True, False)]))


def report(scores: Numbers, pieces: Pieces, title: str) -> dict[str, float]:
    """Prints accuracy and Cllr of every condition; returns the accuracies."""
    typer.echo(f"{title}\n{'condition':28}{'pieces':>8}{'accuracy, %':>13}{'Cllr':>8}")
    accuracies = {}
    for name in dict.fromkeys(pieces.conditions):
        of = pieces.conditions == name
        accuracies[str(name)] = float(((scores[of] > 0) == pieces.male[of]).mean())
        cost = cllr(scores[of], pieces.male[of], pieces.weights()[of])
        typer.echo(f"{name:28}{of.sum():8}{100 * accuracies[str(name)]:13.1f}{cost:8.3f}")
    wrong = (scores > 0) != pieces.male
    counts = {str(who): int((wrong & (pieces.speakers == who)).sum()) for who in np.unique(pieces.speakers[wrong])}
    most = sorted(counts.items(), key=lambda item: -item[1])[:5]
    typer.echo("most errors: " + ", ".join(f"{count} of speaker {speaker}" for speaker, count in most) + "\n")
    return accuracies


def trained(pieces: Pieces) -> tuple[Numbers, dict[str, float]]:
    """Calibrated weights and offset (dimension + 1,), and the accuracies on unseen speakers."""
    weights = pieces.weights()
    unseen = {strength: unseen_scores(pieces, strength) for strength in _STRENGTHS}
    calibrations = {s: fit(scores[:, np.newaxis], pieces.male, weights, 0.0) for s, scores in unseen.items()}
    calibrated = {s: unseen[s] * slope + offset for s, (slope, offset) in calibrations.items()}
    best = min(calibrated, key=lambda s: cllr(calibrated[s], pieces.male, weights))
    typer.echo(f"regularisation {best:g}, scores times {calibrations[best][0]:.3f} {calibrations[best][1]:+.3f}")
    accuracies = report(calibrated[best], pieces, "speakers that were not trained on, by cross-validation:")
    slope, offset = calibrations[best]
    found = fit(pieces.raw, pieces.male, weights, best) * slope
    found[-1] += offset
    return found, accuracies


def write(folder: Path, card: registry.SpeakerCard, found: Numbers, pieces: Pieces, accuracy: str) -> Path:
    """Writes the head of `card`'s embeddings to `folder`; its card is returned."""
    name = f"gender-{card.name}"
    weights = pack([(found[np.newaxis, :-1], found[-1:])])
    men, women = (len(np.unique(pieces.speakers[pieces.male == sex])) for sex in (True, False))
    head = HeadCard(
        name=name,
        kind="gender",
        space=card.space,
        dimension=card.dimension,
        licence="Apache-2.0",
        training_data=f"one recording each of {men} men and {women} women of LibriSpeech train-clean-100 (CC BY 4.0): "
        "read English, also over a telephone and in noise",
        accuracy=accuracy,
        minimum_speech=MINIMUM_SPEECH,
        weights=f"{name}.npz",
        sha256=hashlib.sha256(weights).hexdigest(),
    )
    path = folder / f"{name}.toml"
    write_atomically(folder / head.weights, weights)
    write_atomically(path, head.text().encode())
    load_head(path)
    return path


def main(
    folder: Annotated[Path, typer.Argument(help="Recordings to train on, every speaker in one of them.")],
    *,
    labels_path: Annotated[
        Path, typer.Option("--labels", help="Table with the columns file, speaker and sex (M or F).")
    ],
    verify: Annotated[Path | None, typer.Option(help="Recordings of others, for measuring only.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the head.")] = SHIPPED,
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = registry.DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
) -> None:
    """Train the gender head of a model and write it."""
    installed = models_dir or registry.default_models_dir()
    nothing = np.zeros(registry.speaker_card(model, installed).dimension, np.float32)
    extractor = Extractor.open(model, models_dir=installed, device="cpu", mean=nothing)
    voice_activity = registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), installed)
    detector = SpeechDetector(open_session(voice_activity, "cpu"))
    known = labels(labels_path)
    pieces = pieces_of(folder, known, extractor, detector)
    found, accuracies = trained(pieces)
    figures = "; ".join(f"{name} {100 * accuracy:.1f} %" for name, accuracy in accuracies.items())
    accuracy = f"on speakers that were not trained on, {_FOLDS} folds: {figures}"
    if verify is not None:
        others = pieces_of(verify, known, extractor, detector)
        report(others.raw @ found[:-1] + found[-1], others, f"{verify}:")
    typer.echo(f"written to {write(out, extractor.card, found, pieces, accuracy)}")


if __name__ == "__main__":
    typer.run(main)
