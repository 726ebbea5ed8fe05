"""Trials: which voiceprints are compared, and whether one speaker made both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnx_models.scoring import Vectors

Indices = npt.NDArray[np.int64]
# Trials of a kind that are looked at; more only sharpen figures that the number of speakers blurs.
MOST_TRIALS = 100_000
_SEED = 1


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Voiceprints of known speakers, all with speech.

    `raw` are embeddings that are not centred, float32 (n, dimension); `speech` are seconds, float64 (n,); `speakers`
    are numbers from 0 without gaps, int64 (n,). `spans` says which recording a voiceprint is of and from where to where
    in it, float64 (n, 3), in seconds; `whole` whether it is of all of it, bool (n,). `sexes` has one word for every
    speaker, empty where it is not known.
    """

    raw: Vectors
    speech: npt.NDArray[np.float64]
    speakers: Indices
    spans: npt.NDArray[np.float64]
    whole: npt.NDArray[np.bool_]
    sexes: tuple[str, ...]

    @property
    def speaker_count(self) -> int:
        return len(self.sexes)


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Pairs of voiceprints by their place in a collection, int64 (trials,), and whether one speaker made both."""

    side_a: Indices
    side_b: Indices
    is_target: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.side_a)

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Trials":
        """The trials that `chosen`, of shape (trials,), says."""
        return Trials(self.side_a[chosen], self.side_b[chosen], self.is_target[chosen])


def every_pair(collection: Collection, members: Indices, *, most: int = MOST_TRIALS) -> Trials:
    """Every pair of the `members` of a collection, (m,) places in it, but for those that overlap in one recording.

    Of more than `most` of a kind, so many are drawn, the same in every run.
    """
    generator = np.random.default_rng(_SEED)
    targets = _drawn(_target_pairs(collection, members), most, generator)
    others = _drawn(_nontarget_pairs(collection.speakers, members, most, generator), most, generator)
    pairs = np.concatenate([targets, others])
    return Trials(pairs[:, 0], pairs[:, 1], np.arange(len(pairs)) < len(targets))


def listed(pairs: Sequence[tuple[int, int]], speakers: Indices) -> Trials:
    """The trials of a list of `pairs` of voiceprints."""
    side_a, side_b = np.array(pairs, np.int64).reshape(-1, 2).T
    return Trials(side_a, side_b, speakers[side_a] == speakers[side_b])


def _target_pairs(collection: Collection, members: Indices) -> Indices:
    found = [np.empty((0, 2), np.int64)]
    for speaker in range(collection.speaker_count):
        own = members[collection.speakers[members] == speaker]
        pairs = own[np.stack(np.triu_indices(len(own), k=1), axis=1)]
        recording, start, end = (collection.spans[pairs, column] for column in range(3))
        overlapping = (recording[:, 0] == recording[:, 1]) & (start.max(axis=1) < end.min(axis=1))
        found.append(pairs[~overlapping])
    return np.concatenate(found)


def _nontarget_pairs(speakers: Indices, members: Indices, most: int, generator: np.random.Generator) -> Indices:
    count = len(members)
    if count * (count - 1) // 2 <= 4 * most:
        pairs = np.stack(np.triu_indices(count, k=1), axis=1)
    else:
        # Some to spare, for those of one speaker and those drawn twice.
        pairs = np.unique(np.sort(generator.integers(count, size=(2 * most, 2)), axis=1), axis=0)
    chosen: Indices = members[pairs]
    different: npt.NDArray[np.bool_] = speakers[chosen[:, 0]] != speakers[chosen[:, 1]]
    return chosen[different]


def _drawn(pairs: Indices, most: int, generator: np.random.Generator) -> Indices:
    if len(pairs) <= most:
        return pairs
    chosen: Indices = pairs[np.sort(generator.choice(len(pairs), most, replace=False))]
    return chosen
