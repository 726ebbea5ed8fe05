"""The trials that both appliances score, read from a list, a table or a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onnx_models.fitting import corpus
from onnx_models.fitting.trials import Collection, Trials, every_pair
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False)
class TrialList:
    """Recordings by their `names` in the list and their `paths`; `trials` are pairs of places among them.

    `collection` says who speaks in each, and has no voiceprints: those differ from appliance to appliance.
    """

    names: tuple[str, ...]
    paths: tuple[Path, ...]
    trials: Trials
    collection: Collection


def read(source: Path, root: Path | None = None) -> TrialList:
    """The trials of `source`: a list with lines `1 file file` for one speaker and `0 file file` for two, or what
    `corpus.read` takes besides, of which every pair is a trial.

    Files lie in `root`, else beside the list. Raises ConfigurationError that names the file and line at fault.
    """
    if source.exists() and (source.is_dir() or source.suffix.lower() == ".csv"):
        known = corpus.read(source, root)
        paths = tuple(recording.path for recording in known.recordings)
        names = tuple(str(path.relative_to(source)) if source.is_dir() else str(path) for path in paths)
        people = _collection([recording.speaker for recording in known.recordings])
        return TrialList(names, paths, every_pair(people, np.arange(len(paths))), people)
    if not source.exists():
        raise ConfigurationError(f"{source}: there is no such file or folder")
    return _listed(source, root or source.parent)


def _listed(source: Path, root: Path) -> TrialList:
    places: dict[str, int] = {}
    pairs, labels, lines = [], [], []
    for number, label, (first, second) in corpus.trial_lines(source):
        pairs.append((places.setdefault(first, len(places)), places.setdefault(second, len(places))))
        labels.append(label)
        lines.append(number)
    if not pairs:
        raise ConfigurationError(
            f"{source} has no trials: what is wanted are lines `1 file file` for one speaker and `0 file file` for two"
        )
    sides = np.array(pairs, np.int64)
    trials = Trials(sides[:, 0], sides[:, 1], np.array(labels, bool))
    names = tuple(places)
    speakers = _collection([Path(name).parts[0] for name in names])
    if (_same(speakers, trials) != trials.is_target).any():
        speakers = _connected(len(names), trials)
        wrong = np.flatnonzero(_same(speakers, trials) != trials.is_target)
        if len(wrong):
            raise ConfigurationError(
                f"{source}:{lines[wrong[0]]}: its label says two speakers, and the trials labelled 1 make them one"
            )
    return TrialList(names, tuple(root / name for name in names), trials, speakers)


def _same(people: Collection, trials: Trials) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = people.speakers[trials.side_a] == people.speakers[trials.side_b]
    return same


def _connected(recordings: int, trials: Trials) -> Collection:
    """Speakers of a list whose folders do not tell them: whom trials of one speaker connect is one."""
    leader = list(range(recordings))

    def led(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for a, b in zip(trials.side_a[trials.is_target].tolist(), trials.side_b[trials.is_target].tolist(), strict=True):
        leader[led(b)] = led(a)
    return _collection([str(led(place)) for place in range(recordings)])


def _collection(speakers: Sequence[str]) -> Collection:
    _, numbers = np.unique(np.array(speakers), return_inverse=True)
    count = len(speakers)
    return Collection(
        raw=np.empty((count, 0), np.float32),
        speech=np.zeros(count),
        speakers=numbers.reshape(-1).astype(np.int64),
        # Every recording is of its own, so no two overlap.
        spans=np.stack([np.arange(count), np.zeros(count), np.ones(count)], axis=1),
        whole=np.ones(count, bool),
        sexes=("",) * (int(numbers.max()) + 1),
    )
