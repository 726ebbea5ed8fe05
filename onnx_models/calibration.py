"""From cosines to log-likelihood ratios: how much likelier a score is from one speaker than from two.

Affine logistic regression with terms for the speech length of both sides, because with less speech the cosines of one
speaker fall and spread. Brümmer and du Preez, "Application-independent evaluation of speaker detection", 2006;
Mandasari et al., "Quality measure functions for calibration of speaker recognition systems in various duration
conditions", 2013.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
# Trial statistics change with 1 / (1 + seconds): fast from one second to two, hardly from ten to twenty.
_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes log-likelihood ratios (natural logarithm) of cosines.

    `slope` and `offset` are those of long speech: `long_speech` seconds and more on both sides. With the shortness of
    either side, which rises to 1 at `short_speech` seconds, `short_offset` is added for the mean of the two,
    `both_short_offset` for their product, and `short_slope` to the slope for their mean. `fitted` is an ISO date.
    Raises ValueError unless a higher cosine is a higher ratio for every speech length.
    """

    slope: float
    offset: float
    short_offset: float = 0.0
    both_short_offset: float = 0.0
    short_slope: float = 0.0
    short_speech: float = 0.0
    long_speech: float = 1.0
    fitted: str = ""

    def __post_init__(self) -> None:
        if not all(math.isfinite(getattr(self, field.name)) for field in fields(self) if field.name != "fitted"):
            raise ValueError("a calibration has finite numbers")
        if not 0 <= self.short_speech < self.long_speech:
            raise ValueError("short speech is shorter than long speech")
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
        short_a, short_b = (shortness(speech, self.short_speech, self.long_speech) for speech in (speech_a, speech_b))
        return self.of_trials(cosines, short_a[..., np.newaxis], short_b)

    def of_trials(self, scores: npt.NDArray[np.floating], short_a: Numbers, short_b: Numbers) -> Numbers:
        """Ratios of `scores` whose sides have the given shortness; the shapes broadcast."""
        mean = (short_a + short_b) / 2
        slopes = self.slope + self.short_slope * mean
        offsets = self.offset + self.short_offset * mean + self.both_short_offset * (short_a * short_b)
        ratios: Numbers = slopes * scores.astype(np.float64) + offsets
        return ratios

    def record(self) -> dict[str, float | str]:
        """Every field by its name, as `from_record` takes it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Calibration":
        """Raises ValueError for a record with other fields or values than `record` gives."""
        known = {field.name for field in fields(cls)}
        if not isinstance(record, Mapping) or set(record) != known:
            raise ValueError(f"a calibration has the fields {', '.join(sorted(known))}")
        try:
            numbers = {name: float(value) for name, value in record.items() if name != "fitted"}
        except TypeError as error:
            raise ValueError(f"a calibration has numbers: {error}") from error
        return cls(**numbers, fitted=str(record["fitted"]))


def shortness(speech: npt.ArrayLike | None, short_speech: float, long_speech: float) -> Numbers:
    """How short `speech` (seconds, any shape) is: 1 at `short_speech` and below, 0 at `long_speech` and beyond.

    Lengths beyond those two were not seen by the fit, so nothing is extrapolated. 0 where the length is NaN or None.
    """
    seconds = np.asarray(np.nan if speech is None else speech, np.float64)
    bounded = np.clip(np.where(np.isnan(seconds), long_speech, seconds), short_speech, long_speech)
    at_short, at_long = (_SECOND / (_SECOND + bound) for bound in (short_speech, long_speech))
    short: Numbers = (_SECOND / (_SECOND + bounded) - at_long) / (at_short - at_long)
    return short
