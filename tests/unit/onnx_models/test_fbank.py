"""Kaldi's filter bank against kaldi-native-fbank, which shares no code with it."""

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.front_ends import kaldi_native_fbank
from onnx_models.fbank import KaldiFbank, Taper

SCALES: list[tuple[Taper, float]] = [("hamming", 32768.0), ("povey", 1.0)]
Samples = npt.NDArray[np.float32]


def bands_of(samples: Samples, taper: Taper, scale: float, rate: int = 16_000) -> npt.NDArray[np.float32]:
    bank = KaldiFbank(rate, taper, scale, 0)
    return np.concatenate([*bank.push(samples), *bank.finish()])


def signal(kind: str, rate: int) -> Samples:
    """Five seconds and 37 samples, or 30 ms."""
    count = 5 * rate + 37
    noise = np.random.default_rng(1).normal(0, 0.1, count)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)
    kinds = {
        "noise": noise,
        "quiet": noise * 1e-4,
        "loud": np.clip(20 * noise, -1, 1),
        "offset": 0.01 * noise + 0.5,
        "tone": tone,
        "silence": np.zeros(count),
        "short": noise[: 3 * rate // 100],
    }
    return kinds[kind].astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000])
@pytest.mark.parametrize(("taper", "scale"), SCALES)
@pytest.mark.parametrize("kind", ["noise", "quiet", "loud", "offset", "tone", "silence", "short"])
def test_bands_are_those_of_kaldi(kind: str, taper: Taper, scale: float, rate: int) -> None:
    """Every band differs by at most 0.03 in its natural logarithm, 0.001 without an offset, and 5e-5 on average.

    What differs is rounding: the offset that is removed leaves the library's single precision some thousandths.
    """
    samples = signal(kind, rate)
    ours, theirs = bands_of(samples, taper, scale, rate), kaldi_native_fbank(samples, taper, scale, rate)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape == (1 + (len(samples) - rate // 40) // (rate // 100), 80)
    found = np.abs(ours - theirs)
    assert found.max() <= (0.03 if kind == "offset" else 0.001)
    assert found.mean() <= 5e-5


def test_two_minutes() -> None:
    """The last of 12,000 frames is as near as the first."""
    samples = np.tile(signal("noise", 16_000), 24)
    found = np.abs(bands_of(samples, "hamming", 32768.0) - kaldi_native_fbank(samples, "hamming", 32768.0))
    assert len(found) > 12_000
    assert found.max() <= 0.001


def test_less_than_a_frame_is_repeated() -> None:
    """A tenth of a frame gives one frame: that of the samples over and over."""
    samples = signal("noise", 16_000)[:40]
    np.testing.assert_array_equal(bands_of(samples, "povey", 1.0), bands_of(np.tile(samples, 10), "povey", 1.0))
