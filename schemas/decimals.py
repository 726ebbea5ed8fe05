"""Decimals as float32."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schemas.errors import VoiceprintMalformed

# Python would take underscores, and names of numbers that are none.
_LETTERS = b"0123456789+-.eE"


def decimals(words: Sequence[bytes]) -> npt.NDArray[np.float32]:
    """The float32 nearest to each, by way of float64; shape (n,). Raises VoiceprintMalformed for what is no decimal."""
    if b"".join(words).translate(None, _LETTERS):
        raise VoiceprintMalformed("there is something else than decimals in the vector")
    try:
        with np.errstate(over="ignore"):
            return np.array([float(word) for word in words], np.float64).astype(np.float32)
    except ValueError as error:
        raise VoiceprintMalformed("there is something else than decimals in the vector") from error
