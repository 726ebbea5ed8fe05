"""What a quantised network costs and gains: speed, likeness of its vectors, and error rate, beside the original."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onnx_models import registry, scoring
from onnx_models.extractor import Extractor
from onnx_models.families import Framing, Window, open_family
from onnx_models.fitting import detection
from onnx_models.fitting.corpus import SUFFIXES, Corpus, Labelled, read
from onnx_models.media import MediaLimits, Recording
from onnx_models.registry import SpeakerCard
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector
from schemas.errors import ConfigurationError, MediaError
from schemas.voiceprint import Voiceprint

# Enough for the range of values within a network; more only take time.
MOST_WINDOWS = 48
MOST_RECORDINGS = 500
ROUNDS = 5
# Of recordings whose extraction is timed, in every round and for both networks.
_TIMED_SECONDS = 60.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Weighed:
    """Of the original (`before`) and the quantised network (`after`).

    `speed_*` is how many seconds of recording a whole extraction works through in one second of processor time, on one
    thread, or of time where a GPU works, which `device` tells: the median of rounds that alternate. `cosine_*` is
    between both networks' embeddings of a recording, before the mean is subtracted. `eer_*` is None without speakers of
    two recordings each.
    """

    device: str
    recordings: int
    speed_before: float
    speed_after: float
    cosine_min: float
    cosine_mean: float
    targets: int
    nontargets: int
    eer_before: float | None
    eer_after: float | None


@dataclass(frozen=True, slots=True)
class _Heard:
    """A recording with speech: its place in the list, its length in seconds, its raw embeddings by both networks."""

    place: int
    path: Path
    seconds: float
    before: scoring.Vectors
    after: scoring.Vectors


def recordings(folder: Path, trials: Path | None = None) -> Corpus:
    """The recordings in `folder`, by the folders of their speakers, or those of the list `trials`, which lie there.

    Without folders the speakers are unknown, and recordings right in `folder` are taken. Raises ConfigurationError.
    """
    if trials is not None:
        return read(trials, root=folder)
    if not folder.is_dir() or any(path.is_dir() for path in folder.iterdir()):
        return read(folder)
    found = [Labelled(path, "") for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    if not found:
        raise ConfigurationError(f"{folder} has no recordings to calibrate on")
    return Corpus(tuple(found))


def spread(found: Sequence[Labelled], most: int) -> list[Labelled]:
    """At most `most` of them, evenly from first to last."""
    places = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))
    return [found[place] for place in places]


def windows(card: SpeakerCard, found: Sequence[Labelled], models_dir: Path) -> list[Window]:
    """The first window of each of MOST_WINDOWS recordings, as the model's own front end makes it.

    Raises ConfigurationError when there is no speech in any.
    """
    voice_activity = registry.card(registry.VOICE_ACTIVITY_MODEL)
    detector = SpeechDetector(open_session(registry.verify(voice_activity, models_dir), "cpu"), card.sample_rate)
    framing = Framing(card.sample_rate, card.window_seconds, card.hop_seconds)
    new_front_end = open_family(card.family, framing, card.family_options)

    def of(path: Path) -> Iterator[Window]:
        recording = Recording(path, MediaLimits())
        (selection,) = recording.selections("mix", None)
        front_end, heard = new_front_end(), False
        for part in detector.speech(recording.samples(selection, card.sample_rate)):
            heard = True
            yield from front_end.push(part.samples)
        if heard:
            yield from front_end.finish()

    chosen = []
    for labelled in spread(found, MOST_WINDOWS):
        try:
            window = next(of(labelled.path), None)
        except MediaError as error:
            raise ConfigurationError(f"{labelled.path}: {error.message}") from error
        if window is not None:
            chosen.append(tuple(np.array(part) for part in window))
    if not chosen:
        raise ConfigurationError("there is no speech in the recordings; calibrate on others")
    return chosen


def weigh(
    card: SpeakerCard, quantised: bytes, corpus: Corpus, models_dir: Path, progress: Progress, *, device: str = "cpu"
) -> Weighed:
    """Both networks on the recordings of `corpus`, of which at most MOST_RECORDINGS are heard, on `device`.

    Raises ConfigurationError for a recording that cannot be read, or when vectors differ from run to run.
    """
    nothing = np.zeros(card.dimension, np.float32)
    before = Extractor.open(card.name, models_dir=models_dir, device=device, threads=1, mean=nothing)
    voice_activity = registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), models_dir)
    detector = SpeechDetector(open_session(voice_activity, "cpu"), card.sample_rate)
    after = Extractor(card, open_session(quantised, device), detector, nothing, MediaLimits())
    chosen = list(corpus.recordings) if corpus.trials else spread(corpus.recordings, MOST_RECORDINGS)
    heard = []
    for place, labelled in enumerate(chosen):
        first, second = _extracted(before, labelled.path), _extracted(after, labelled.path)
        if first.has_speech:
            heard.append(_Heard(place, labelled.path, first.recording_length, first.vector, second.vector))
        if (place + 1) % 50 == 0:
            progress(f"{place + 1} of {len(chosen)} recordings heard")
    if not heard:
        raise ConfigurationError("there is no speech in the recordings; calibrate on others")
    again = _extracted(after, heard[0].path).vector
    # On a GPU the order of sums, and with it the last bit, is nobody's to choose.
    if after.device == "cpu" and not np.array_equal(again, heard[0].after):
        raise ConfigurationError(f"{card.name} in fewer bits gives one recording another vector every time")
    timed = _first_seconds(heard)
    progress(f"timing the extraction of {len(timed)} recordings, {ROUNDS} times with each network")
    speeds = [(_speed(before, timed), _speed(after, timed)) for _ in range(ROUNDS)]
    one, other = np.stack([found.before for found in heard]), np.stack([found.after for found in heard])
    cosines = (scoring.unit(one) * scoring.unit(other)).sum(axis=1)
    pairs = _pairs(corpus, chosen, [found.place for found in heard])
    mean = registry.load_mean(card)
    eer_before, eer_after = (_error_rate(_centred(card, raw, mean), pairs) for raw in (one, other))
    return Weighed(
        after.device,
        len(heard),
        statistics.median(speed for speed, _ in speeds),
        statistics.median(speed for _, speed in speeds),
        float(cosines.min()),
        float(cosines.mean()),
        int(pairs[:, 2].sum()),
        int((1 - pairs[:, 2]).sum()),
        eer_before,
        eer_after,
    )


def _extracted(extractor: Extractor, path: Path) -> Voiceprint:
    try:
        (voiceprint,) = extractor.extract(path, channel_mode="mix", media_sha256=bytes(32))
    except MediaError as error:
        raise ConfigurationError(f"{path}: {error.message}") from error
    return voiceprint


def _first_seconds(heard: Sequence[_Heard]) -> list[_Heard]:
    chosen: list[_Heard] = []
    for found in heard:
        chosen.append(found)
        if sum(recording.seconds for recording in chosen) >= _TIMED_SECONDS:
            break
    return chosen


def _speed(extractor: Extractor, timed: Sequence[_Heard]) -> float:
    # Of processor time: what else the machine does meanwhile is not to be weighed. What a GPU does is no such time.
    clock = time.process_time if extractor.device == "cpu" else time.perf_counter
    start = clock()
    for recording in timed:
        _extracted(extractor, recording.path)
    return sum(recording.seconds for recording in timed) / (clock() - start)


def _pairs(corpus: Corpus, chosen: Sequence[Labelled], kept: Sequence[int]) -> npt.NDArray[np.int64]:
    """Trials as rows of two places in `kept`, which are places in `chosen`, and whether one speaker made both."""
    speakers = [chosen[place].speaker for place in kept]
    at = {place: number for number, place in enumerate(kept)}
    if corpus.trials is not None:
        pairs = [(at[one], at[other]) for one, other in corpus.trials if one in at and other in at]
    elif any(speakers):
        pairs = list(combinations(range(len(kept)), 2))
    else:
        pairs = []
    rows = [(one, other, int(speakers[one] == speakers[other])) for one, other in pairs]
    return np.array(rows, np.int64).reshape(-1, 3)


def _centred(card: SpeakerCard, raw: scoring.Vectors, mean: scoring.Vectors) -> scoring.Vectors:
    if card.unit_length:
        return scoring.centred(raw, mean)
    return scoring.unit(raw - mean).astype(np.float32)


def _error_rate(vectors: scoring.Vectors, pairs: npt.NDArray[np.int64]) -> float | None:
    is_target = pairs[:, 2].astype(bool)
    if is_target.all() or not is_target.any():
        return None
    scores = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(axis=1)
    return detection.equal_error_rate(detection.tally(scores[is_target], scores[~is_target]))
