"""Log-likelihood ratios of voiceprints, as they are stored, under one audio source profile."""

import numpy as np
import numpy.typing as npt

from onnx_models.profiles import Profile
from onnx_models.scoring import Vectors, centred, cosine, recovered, unit
from schemas.errors import ConfigurationError

# Of the cohort, those nearest to a voiceprint: they tell most about how high it scores with strangers.
_NEAREST = 100
_ROWS = 32
# No deviation of a cohort's cosines is smaller in earnest; a cohort of one speaker has none.
_LEAST_DEVIATION = 1e-3


class Scorer:
    """Scores vectors that were centred with `own_mean` (dimension,), the mean of the model's card, under `profile`.

    Where the profile's mean is another one, raw embeddings are recovered and centred anew, as if they had been
    extracted under the profile. Raises ConfigurationError for a profile of another dimension, and for means from which
    nothing can be recovered.
    """

    def __init__(self, own_mean: Vectors, unit_length: bool, profile: Profile) -> None:
        if profile.mean.shape != own_mean.shape:
            raise ConfigurationError(
                f"the profile {profile.name!r} has vectors of {len(profile.mean)} values, the model of {len(own_mean)}"
            )
        self.profile = profile
        self._own_mean, self._unit_length = own_mean, unit_length
        self._same_mean = bool(np.array_equal(own_mean, profile.mean))
        if unit_length and not self._same_mean and np.linalg.norm(own_mean) >= 1:
            raise ConfigurationError(
                "the model's own mean is not shorter than 1, so it is no mean of unit vectors, and none can be "
                "recovered for a profile with another mean: correct its mean file, or its card's unit_length"
            )
        self._cohort = (
            None if profile.cohort is None else _directions(centred(profile.cohort, profile.mean, unit_length))
        )

    def directions(self, vectors: Vectors) -> Vectors:
        """Stored `vectors` (n, dimension) centred with the profile's mean, at unit length; zeros stay zeros."""
        if self._same_mean:
            return _directions(vectors)
        raw = recovered(vectors, self._own_mean, self._unit_length)
        anew = _directions(centred(raw, self.profile.mean, self._unit_length))
        anew[~vectors.any(axis=-1)] = 0
        return anew

    def score(self, vectors_a: Vectors, vectors_b: Vectors) -> npt.NDArray[np.float64]:
        """What is calibrated: cosines of shape (n, m), normalised against the cohort where the profile has one."""
        side_a, side_b = self.directions(vectors_a), self.directions(vectors_b)
        cosines = cosine(side_a, side_b).astype(np.float64)
        return cosines if self._cohort is None else normalised(cosines, side_a, side_b, self._cohort)

    def llr(
        self,
        vectors_a: Vectors,
        speech_a: npt.ArrayLike | None,
        vectors_b: Vectors,
        speech_b: npt.ArrayLike | None,
    ) -> npt.NDArray[np.float32]:
        """Natural log-likelihood ratios, shape (n, m), of stored vectors (n, dimension) and (m, dimension).

        `speech_a` (n,) and `speech_b` (m,) are seconds of speech, NaN or None where not known. A voiceprint without
        speech is no evidence: 0. Raises ConfigurationError when the profile has no calibration.
        """
        if self.profile.calibration is None:
            raise ConfigurationError(
                f"the profile {self.profile.name!r} has no calibration: `voiceprint calibrate` makes one"
            )
        cosines, ratios = self.score(vectors_a, vectors_b), np.empty((len(vectors_a), len(vectors_b)), np.float32)
        lengths = None if speech_a is None else np.asarray(speech_a, np.float64)
        # As many rows at a time as a processor keeps at hand.
        for start in range(0, len(vectors_a), _ROWS):
            rows = slice(start, start + _ROWS)
            ratios[rows] = self.profile.calibration.llr(
                cosines[rows], lengths if lengths is None else lengths[rows], speech_b
            )
        ratios[~vectors_a.any(axis=-1)] = 0
        ratios[:, ~vectors_b.any(axis=-1)] = 0
        return ratios


def normalised(
    cosines: npt.NDArray[np.float64], side_a: Vectors, side_b: Vectors, cohort: Vectors
) -> npt.NDArray[np.float64]:
    """Adaptive symmetric normalisation: `cosines` (n, m) in deviations from what each side scores with its nearest
    strangers in `cohort` (speakers, dimension), the mean of both sides' views. All vectors have unit length.

    Matějka et al., "Analysis of score normalization in multilingual speaker recognition", 2017.
    """
    means_a, deviations_a = nearest(side_a, cohort)
    means_b, deviations_b = nearest(side_b, cohort)
    seen_by_a = (cosines - means_a[:, np.newaxis]) / deviations_a[:, np.newaxis]
    seen_by_b = (cosines - means_b) / deviations_b
    both: npt.NDArray[np.float64] = (seen_by_a + seen_by_b) / 2
    return both


def nearest(side: Vectors, cohort: Vectors) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and deviation of every vector's highest cosines with the cohort, shapes (n,)."""
    cosines = cosine(side, cohort).astype(np.float64)
    highest = np.sort(cosines, axis=1)[:, -_NEAREST:]
    return highest.mean(axis=1), np.maximum(highest.std(axis=1), _LEAST_DEVIATION)


def _directions(vectors: Vectors) -> Vectors:
    return unit(vectors).astype(np.float32)
