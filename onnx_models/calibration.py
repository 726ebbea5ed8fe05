"""From cosines to log-likelihood ratios: how much likelier a score is from one speaker than from two.

Affine logistic regression with terms for the speech length of both sides. The less speech, the less a cosine says: the
slope and the offset go from those of long speech to those of hardly any with the mean `shortness` of the two sides.
Brümmer and du Preez, "Application-independent evaluation of speaker detection", 2006; Mandasari et al., "Quality
measure functions for calibration of speaker recognition systems in various duration conditions", 2013.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
# Seconds of speech at which half of the way from hardly any speech to long speech is gone.
_HALFWAY = 1.0


def shortness(speech: npt.ArrayLike | None) -> Numbers:
    """How short `speech` (seconds, any shape) is: 1 for none, towards 0 for long, 0 where it is not known (NaN)."""
    seconds = np.asarray(np.nan if speech is None else speech, np.float64)
    return np.where(np.isnan(seconds), 0.0, _HALFWAY / (_HALFWAY + np.maximum(np.nan_to_num(seconds), 0.0)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes log-likelihood ratios (natural logarithm) of cosines.

    `slope` and `offset` are those of long speech, the others what is added to them with all shortness. `fitted` is an
    ISO date. Raises ValueError unless a higher cosine is a higher ratio for every speech length.
    """

    slope: float
    offset: float
    short_slope: float = 0.0
    short_offset: float = 0.0
    fitted: str = ""

    def __post_init__(self) -> None:
        numbers = (self.slope, self.offset, self.short_slope, self.short_offset)
        if not all(map(math.isfinite, numbers)):
            raise ValueError("a calibration has finite numbers")
        if self.slope <= 0 or self.slope + self.short_slope <= 0:
            raise ValueError("a calibration rises with the cosine for every speech length")
        if self.fitted:
            date.fromisoformat(self.fitted)

    def llr(
        self, cosines: npt.NDArray[np.floating], speech_a: npt.ArrayLike | None, speech_b: npt.ArrayLike | None
    ) -> Numbers:
        """Ratios of `cosines` (n, m) between sides with `speech_a` (n,) and `speech_b` (m,) seconds of speech.

        NaN or None stands for a length that is not known, and counts as long.
        """
        short = (shortness(speech_a)[..., np.newaxis] + shortness(speech_b)) / 2
        return self.of_trials(cosines, short)

    def of_trials(self, scores: npt.NDArray[np.floating], short: npt.NDArray[np.floating]) -> Numbers:
        """Ratios of `scores` with the mean shortness `short` of their two sides; the shapes broadcast."""
        wide = scores.astype(np.float64)
        ratios: Numbers = (self.slope + self.short_slope * short) * wide + self.offset + self.short_offset * short
        return ratios

    def record(self) -> dict[str, float | str]:
        """Every field by its name, as `from_record` takes it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Calibration":
        """Raises ValueError for a record with other fields or values than `record` gives."""
        try:
            fitted = record["fitted"]
            numbers = {field.name: float(record[field.name]) for field in fields(cls) if field.name != "fitted"}
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the record of a calibration: {error}") from error
        if not isinstance(fitted, str) or len(record) != len(fields(cls)):
            raise ValueError("not the record of a calibration")
        return cls(**numbers, fitted=fitted)
