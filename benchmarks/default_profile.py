"""The default model's own profile: its mean vector and its calibration, written beside its card.

    python -m benchmarks.default_profile RECORDINGS.csv --only many-speakers

Every speaker has one recording, so trials of one speaker are made of parts of it: at its start and at its end, of
several lengths, and through the channels of CHANNELS. A new mean makes a new embedding space, so the card's `space` has
to change with it.
"""

import io
import json
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer
from rich.progress import Progress, track

from benchmarks.conditions import CONDITIONS, Condition, treated
from onnx_models import registry
from onnx_models.extractor import Extractor
from onnx_models.fitting import corpus
from onnx_models.fitting.collecting import PIECES, Piece, collection, heard
from onnx_models.fitting.corpus import Labelled
from onnx_models.fitting.cross_validation import STEPS, fitted
from onnx_models.fitting.evaluation import groups
from onnx_models.fitting.trial_scores import Material
from onnx_models.fitting.trials import MOST_TRIALS, Trials, every_pair
from onnx_models.install.writing import write_atomically
from onnx_models.profiles import Profile
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector
from schemas.errors import ConfigurationError

_BY_NAME = {condition.name: condition for condition in CONDITIONS}
_CLEAN, _MP3, _TELEPHONE = _BY_NAME["whole"], _BY_NAME["MP3 at 32 kbit/s"], _BY_NAME["8 kHz mu-law"]
_NOISE = replace(_BY_NAME["white noise at 20 dB"], name="white noise at 30 dB", noise_snr=30)
_ROOM = Condition("another room")
_CONDITIONS = (_CLEAN, _MP3, _TELEPHONE, _NOISE, _ROOM)

# What the two sides of a trial come through: channels of one kind, or on one side a codec, noise or a room, which stand
# in for the other days and microphones that one recording cannot have. Wide-band speech is not set against telephone
# speech: it would move the threshold of all.
CHANNELS = ((_CLEAN, _CLEAN), (_MP3, _MP3), (_TELEPHONE, _TELEPHONE), (_CLEAN, _MP3), (_CLEAN, _NOISE), (_CLEAN, _ROOM))
# Seconds until an echo has fallen by 60 dB, and dB by which all echoes together are below the voice.
_REVERBERATION, _DIRECT_TO_ECHOES = 0.3, 10.0
_FIRST_ECHO = 0.002


def voiceprints(
    recordings: Sequence[Labelled], model: str, models_dir: Path
) -> list[list[tuple[Labelled, list[Piece]]]]:
    """For every one of the conditions, the recordings with their pieces."""
    nothing = np.zeros(registry.speaker_card(model).dimension, np.float32)
    extractor = Extractor.open(model, models_dir=models_dir, device="cpu", mean=nothing)
    voice_activity = registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), models_dir)
    detector = SpeechDetector(open_session(voice_activity, "cpu"), extractor.card.sample_rate)
    found: list[list[tuple[Labelled, list[Piece]]]] = [[] for _ in _CONDITIONS]
    for labelled in track(recordings, description="extracting", transient=True):
        with tempfile.TemporaryDirectory() as folder:
            for condition, pieces in zip(_CONDITIONS, found, strict=True):
                path = _heard(labelled.path, condition, detector, Path(folder))
                pieces.append((labelled, heard(partial(extractor.extract, path), pieces=PIECES)))
    return found


def _heard(path: Path, condition: Condition, detector: SpeechDetector, folder: Path) -> Path:
    return _in_another_room(path, folder) if condition is _ROOM else treated(path, condition, detector, folder)


def _in_another_room(path: Path, folder: Path) -> Path:
    """The recording with echoes that are noise of exponentially falling power; seeded by its name, a room for each.

    Polack's model of late reverberation: "La transmission de l'énergie sonore dans les salles", 1988.
    """
    samples, rate = soundfile.read(path, dtype="float32")
    count = round(_REVERBERATION * rate)
    echoes = np.random.default_rng(zlib.crc32(path.name.encode())).standard_normal(count)
    echoes *= 10 ** (-3 * np.arange(count) / count)
    echoes[: round(_FIRST_ECHO * rate)] = 0
    echoes *= 10 ** (-_DIRECT_TO_ECHOES / 20) / np.linalg.norm(echoes)
    echoes[0] = 1
    size = 1 << (len(samples) + count).bit_length()
    room = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echoes, size), size)[: len(samples)]
    heard_there = folder / "room.wav"
    soundfile.write(heard_there, room.astype(np.float32), rate, subtype="FLOAT")
    return heard_there


def material(found: Sequence[Sequence[tuple[Labelled, list[Piece]]]], card: registry.SpeakerCard) -> Material:
    """Trials of pieces through each pair of CHANNELS, as many through each; the mean is that of clean speech."""
    joined = collection([recording for recordings in found for recording in recordings])
    # Recordings are numbered through all conditions, but parts of one overlap whatever they came through.
    per_condition = len(found[0])
    condition = joined.spans[:, 0].astype(int) // per_condition
    spans = joined.spans.copy()
    spans[:, 0] %= per_condition
    pieces = ~joined.whole
    everything = replace(joined, spans=spans, whole=joined.whole & (condition == 0))
    trials = []
    for pair in CHANNELS:
        first, second = (_CONDITIONS.index(side) for side in pair)
        members = np.flatnonzero(pieces & ((condition == first) | (condition == second)))
        through = every_pair(everything, members, most=2 * MOST_TRIALS // len(CHANNELS))
        sides = np.sort(condition[np.stack([through.side_a, through.side_b])], axis=0)
        trials.append(through.where((sides == np.sort([[first], [second]], axis=0)).all(axis=0)))
    together = Trials(
        np.concatenate([part.side_a for part in trials]),
        np.concatenate([part.side_b for part in trials]),
        np.concatenate([part.is_target for part in trials]),
    )
    return Material(everything, together, registry.load_mean(card), card.unit_length)


def write(profile: Profile, card: registry.SpeakerCard, out: Path) -> None:
    """The mean and the calibration under the names of the card, in the folder `out`."""
    if profile.calibration is None:
        raise ConfigurationError(f"the profile {profile.name!r} has no calibration to write")
    mean = io.BytesIO()
    np.save(mean, profile.mean)
    write_atomically(out / (card.mean or f"{card.name}-mean.npy"), mean.getvalue())
    record = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in profile.calibration.record().items()
    }
    name = card.calibration or f"{card.name}-calibration.json"
    write_atomically(out / name, json.dumps(record, indent=1).encode() + b"\n")


def main(
    table: Annotated[Path, typer.Argument(help="A table with the columns file, speaker and sex.")],
    only: Annotated[str, typer.Option(help="What the files of the table begin with that are taken.")] = "",
    out: Annotated[Path, typer.Option(help="The folder of the card.")] = registry.CARDS,
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = registry.DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.")] = None,
) -> None:
    """Fit the mean and the calibration of a model's card."""
    card = registry.speaker_card(model)
    recordings = [found for found in corpus.read(table).recordings if found.path.is_relative_to(table.parent / only)]
    trials = material(voiceprints(recordings, model, models_dir or registry.default_models_dir()), card)
    with Progress(transient=True) as progress:
        task = progress.add_task("fitting", total=STEPS)
        result = fitted(trials, name="default", space=card.space, means=(True,), step=partial(progress.advance, task))
    for variant, held_out in result.held_out.items():
        typer.echo(f"held-out Cllr {held_out:.4f}: {variant}")
    for group in groups(result.llrs, trials.trials, trials.collection):
        typer.echo(
            f"{group.name}: {group.speakers} speakers, {group.targets} target and {group.nontargets} other trials"
        )
        for name, figure in group.figures.items():
            between = "" if figure.interval is None else " ({:.4f} to {:.4f})".format(*figure.interval)
            typer.echo(f"  {name:17} {figure.value:.4f}{between}")
    write(result.profile, card, out)


if __name__ == "__main__":
    typer.run(main)
