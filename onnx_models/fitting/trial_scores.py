"""Scores of trials under means and cohorts that never know the speakers of the trial."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnx_models.calibration import Calibration, Numbers, shortness
from onnx_models.fitting.trials import Collection, Indices, Trials
from onnx_models.profiles import Profile
from onnx_models.scorer import nearest
from onnx_models.scoring import Vectors, centred, unit

# Trials that are scored at once: as many rows as stay in a processor's cache for the usual dimensions.
_BLOCK = 4096
# Keeps a vector that is the mean itself, which has no direction, from dividing by 0.
_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What is fitted on, or measured: `own_mean` (dimension,) is the model's, `unit_length` as its card says, `cohort`
    raw embeddings of other speakers, (speakers, dimension)."""

    collection: Collection
    trials: Trials
    own_mean: Vectors
    unit_length: bool
    cohort: Vectors | None = None


class TrialScores:
    """Scores the trials of `material`."""

    def __init__(self, material: Material) -> None:
        self._material = material
        raw = material.collection.raw
        self._vectors = unit(raw).astype(np.float32) if material.unit_length else raw
        self._means = _speaker_means(self._vectors, material.collection)

    def mean(self, included: npt.NDArray[np.bool_]) -> Vectors:
        """The mean of the means of the `included` speakers, (dimension,): many recordings of one count as one."""
        mean: Vectors = self._means[included].mean(axis=0).astype(np.float32)
        return mean

    def of(self, *, fitted_mean: bool, cohort: bool, included: npt.NDArray[np.bool_]) -> Numbers:
        """A score for every trial, (trials,).

        With `fitted_mean` vectors are centred with the mean of the `included` speakers, bool (speakers,), but for those
        of the trial itself: otherwise the mean of a few speakers would tell these few apart too well. With `cohort`
        cosines are normalised against it.
        """
        mean = self.mean(included) if fitted_mean else self._material.own_mean
        cosines = self._under_mean_of_others(included) if fitted_mean else self._under(mean)
        return self._normalised(cosines, mean, self._material.cohort if cohort else None)

    def ratios(self, profile: Profile, calibration: Calibration) -> Numbers:
        """The log-likelihood ratio of every trial, (trials,), under the mean and the cohort of `profile`."""
        return self.calibrated(calibration, self._normalised(self._under(profile.mean), profile.mean, profile.cohort))

    def calibrated(self, calibration: Calibration, scores: Numbers) -> Numbers:
        """The log-likelihood ratios of the trials' `scores`, (trials,)."""
        trials, speech = self._material.trials, self._material.collection.speech
        short = shortness(speech, calibration.short_speech, calibration.long_speech)
        return calibration.of_trials(scores, short[trials.side_a], short[trials.side_b])

    def _normalised(self, cosines: Numbers, mean: Vectors, cohort: Vectors | None) -> Numbers:
        if cohort is None:
            return cosines
        directions, others = (
            unit(centred(raw, mean, self._material.unit_length)).astype(np.float32) for raw in (self._vectors, cohort)
        )
        centres, deviations = nearest(directions, others)
        trials = self._material.trials
        seen_by_a, seen_by_b = ((cosines - centres[side]) / deviations[side] for side in (trials.side_a, trials.side_b))
        both: Numbers = (seen_by_a + seen_by_b) / 2
        return both

    def _under(self, mean: Vectors) -> Numbers:
        directions = unit(self._vectors - mean).astype(np.float32)
        cosines = np.empty(len(self._material.trials))
        for block, side_a, side_b in self._blocks():
            cosines[block] = np.einsum("td,td->t", directions[side_a], directions[side_b])
        return cosines

    def _under_mean_of_others(self, included: npt.NDArray[np.bool_]) -> Numbers:
        speakers = self._material.collection.speakers
        total, count = self._means[included].sum(axis=0), included.sum()
        cosines = np.empty(len(self._material.trials))
        for block, side_a, side_b in self._blocks():
            speaker_a, speaker_b = speakers[side_a], speakers[side_b]
            in_a = included[speaker_a]
            in_b = included[speaker_b] & (speaker_a != speaker_b)
            without = (
                total - in_a[:, np.newaxis] * self._means[speaker_a] - in_b[:, np.newaxis] * self._means[speaker_b]
            )
            mean = (without / (count - in_a - in_b)[:, np.newaxis]).astype(np.float32)
            seen_a, seen_b = self._vectors[side_a] - mean, self._vectors[side_b] - mean
            lengths = np.linalg.norm(seen_a, axis=1) * np.linalg.norm(seen_b, axis=1)
            cosines[block] = np.einsum("td,td->t", seen_a, seen_b) / np.maximum(lengths, _TINY)
        return cosines

    def _blocks(self) -> Iterator[tuple[slice, Indices, Indices]]:
        trials = self._material.trials
        for start in range(0, len(trials), _BLOCK):
            block = slice(start, start + _BLOCK)
            yield block, trials.side_a[block], trials.side_b[block]


def _speaker_means(vectors: Vectors, collection: Collection) -> npt.NDArray[np.float64]:
    """The mean vector of every speaker's whole recordings, (speakers, dimension)."""
    whole = collection.speakers[collection.whole]
    sums = np.zeros((collection.speaker_count, vectors.shape[1]))
    np.add.at(sums, whole, vectors[collection.whole])
    means: npt.NDArray[np.float64] = sums / np.bincount(whole, minlength=collection.speaker_count)[:, np.newaxis]
    return means
