"""The samples themselves."""

import numpy as np
import pytest

from onnx_models.families import Framing, open_family
from onnx_models.families.waveform16k import Waveform
from schemas.errors import ConfigurationError

SPEECH = np.random.default_rng(7).normal(0.01, 0.1, 80_123).astype(np.float32)


def test_windows_are_the_samples() -> None:
    """Windows hold the samples as they came, the last ones to the end."""
    front_end = Waveform(Framing(16_000, 3.0, 1.5))
    made = [window for (window,) in [*front_end.push(SPEECH), *front_end.finish()]]
    for window, start in zip(made, [0, 24_000, 80_123 - 48_000], strict=True):
        np.testing.assert_array_equal(window, SPEECH[start : start + 48_000])


def test_unit_variance() -> None:
    """Each window has mean 0 and variance 1 of its own."""
    front_end = Waveform(Framing(16_000, 3.0, 1.5), unit_variance=True)
    rising = SPEECH * np.linspace(0.01, 1, len(SPEECH), dtype=np.float32)
    made = [window for (window,) in [*front_end.push(rising), *front_end.finish()]]
    assert len(made) == 3
    for window in made:
        assert window.dtype == np.float32
        assert abs(window.mean()) < 1e-6
        assert window.std() == pytest.approx(1, abs=1e-4)


def test_windows_shorter_than_the_minimum() -> None:
    """A card may ask for windows shorter than the minimum; then the speech is repeated to a window."""
    front_end = Waveform(Framing(16_000, 0.2, 0.2))
    ((window,),) = [*front_end.push(SPEECH[:1000]), *front_end.finish()]
    np.testing.assert_array_equal(window, np.resize(SPEECH[:1000], 3200))


def test_option_is_checked() -> None:
    """`unit_variance` is a truth value and nothing like it."""
    with pytest.raises(ConfigurationError, match="unit_variance must be true or false"):
        open_family("waveform16k", Framing(16_000, 3.0, 1.5), {"unit_variance": 1})
