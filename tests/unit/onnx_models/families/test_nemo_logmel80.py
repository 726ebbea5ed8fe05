"""NeMo's bands: what its library does not show."""

from typing import Any

import numpy as np
import pytest

from onnx_models.families import Framing, open_family
from onnx_models.families.nemo_logmel80 import NemoLogMel
from schemas.errors import ConfigurationError

SPEECH = np.random.default_rng(6).normal(0, 0.1, 80_123).astype(np.float32)


def test_both_inputs() -> None:
    """Bands are padded with zeros to a multiple of 16 frames, and the length says how many are speech."""
    front_end = NemoLogMel(Framing(16_000, 60.0, 60.0))
    ((bands, length),) = [*front_end.push(SPEECH), *front_end.finish()]
    assert (bands.shape, bands.dtype) == ((80, 512), np.float32)
    assert (length.shape, length.dtype, int(length)) == ((), np.int64, 500)
    assert not bands[:, 500:].any()
    np.testing.assert_allclose(bands[:, :500].mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(bands[:, :500].std(axis=1, ddof=1), 1, atol=1e-4)


def test_no_padding_where_none_is_asked() -> None:
    """With `pad_to` 1 a window is its frames."""
    front_end = NemoLogMel(Framing(16_000, 3.0, 1.5), pad_to=1)
    made = [*front_end.push(SPEECH), *front_end.finish()]
    assert [bands.shape for bands, _ in made] == [(80, 300)] * 3
    assert [int(length) for _, length in made] == [300] * 3


@pytest.mark.parametrize(("pad_to", "said"), [(0, "from 1 to 1024"), (16.0, "whole number"), (True, "whole number")])
def test_padding_is_checked(pad_to: Any, said: str) -> None:
    """Padding is to a positive whole number of frames."""
    with pytest.raises(ConfigurationError, match=said):
        open_family("nemo-logmel80", Framing(16_000, 3.0, 1.5), {"pad_to": pad_to})
