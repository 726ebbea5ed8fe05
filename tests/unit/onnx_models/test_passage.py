"""The part of a signal that is listened to."""

import numpy as np
import pytest

from onnx_models.passage import Passage
from schemas.errors import MediaOutOfRange


@pytest.mark.parametrize(("start", "written"), [(1_000_000.0, "1000000"), (12.5, "12.5"), (60.0, "60"), (7.1, "7.1")])
def test_a_range_behind_the_end_is_told_in_plain_numbers(start: float, written: str) -> None:
    """As the caller would write them, without exponents."""
    with pytest.raises(MediaOutOfRange, match=f"^the range starts at {written} s, and the recording ends at 1.00 s$"):
        list(Passage(8000, start).of([np.zeros(8000, np.float32)]))
