"""The front end of GE2E."""

import numpy as np
import numpy.typing as npt
import pytest

from onnx_models.families import Framing
from onnx_models.families.ge2e_mel import GE2EMel
from onnx_models.mel import slaney_filters

RATE, WINDOW, HOP = 16_000, 160, 77
Samples = npt.NDArray[np.float32]


def windows_of(
    samples: Samples, block: int = 4000, level_dbfs: float | None = None, subtract_noise: bool = False
) -> list[npt.NDArray[np.float32]]:
    framing = Framing(RATE, WINDOW / 100, HOP / 100)
    front_end = GE2EMel(framing, level_dbfs=level_dbfs, subtract_noise=subtract_noise)
    for start in range(0, len(samples), block):
        assert not list(front_end.push(samples[start : start + block]))
    return [mels for (mels,) in front_end.finish()]


def reference_frames(samples: Samples) -> npt.NDArray[np.float64]:
    """One frame after the other in float64: centred frames, periodic Hann window, power, mel bands."""
    padded = np.pad(samples.astype(np.float64), 200)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = [padded[start : start + 400] * taper for start in range(0, len(samples) + 1, 160)]
    return np.abs(np.fft.rfft(frames)) ** 2 @ slaney_filters(RATE, 400, 40).T.astype(np.float64)


def test_frames_follow_the_definition(noise: Samples) -> None:
    """The windows hold the frames of the definition, to 1e-5 of each band's value."""
    frames = reference_frames(noise)
    windows = windows_of(noise)
    assert len(frames) == 201
    np.testing.assert_allclose(windows[0], frames[:WINDOW], rtol=1e-5)
    np.testing.assert_allclose(windows[-1], frames[-WINDOW:], rtol=1e-5)
    assert len(windows) == 2


@pytest.mark.parametrize("block", [1, 159, 512, 40_960, 1_000_000])
def test_blocks_do_not_matter(noise: Samples, block: int) -> None:
    """The windows are the same bits however the speech was cut into blocks."""
    speech = np.tile(noise, 3) if block > 1 else noise[:9000]
    np.testing.assert_array_equal(windows_of(speech, block), windows_of(speech, 4000))
    all_of_it = {"level_dbfs": 0.0, "subtract_noise": True}
    np.testing.assert_array_equal(windows_of(speech, block, **all_of_it), windows_of(speech, 4000, **all_of_it))


@pytest.mark.parametrize("frames", [160, 161, 237, 238, 1000])
def test_windows_cover_the_speech(noise: Samples, frames: int) -> None:
    """Windows start every HOP frames, and the last ends with the speech."""
    speech = np.tile(noise, 6)[: (frames - 1) * 160]
    every = reference_frames(speech)
    windows = windows_of(speech)
    starts = [*range(0, frames - WINDOW, HOP), frames - WINDOW]
    assert len(windows) == len(starts)
    for window, start in zip(windows, starts, strict=True):
        np.testing.assert_allclose(window, every[start : start + WINDOW], rtol=1e-4)


def test_short_speech_is_followed_by_silence(noise: Samples) -> None:
    """Less speech than a window gives one window, with silence after the speech."""
    (window,) = windows_of(noise[:8000])
    assert window.shape == (WINDOW, 40)
    assert window[:51].all()
    assert not window[51:].any()


@pytest.mark.parametrize("gain", [0.01, 0.5, 3.0])
def test_level_does_not_matter(noise: Samples, gain: float) -> None:
    """Quiet speech is raised and loud speech lowered to the level, though theirs is known only at the end."""
    level = 20 * np.log10(np.sqrt(np.mean(np.square(noise, dtype=np.float64))))
    brought = windows_of(noise * np.float32(gain), level_dbfs=level)
    np.testing.assert_allclose(brought, windows_of(noise), rtol=1e-4)


def test_digital_silence_has_no_gain() -> None:
    """Zeros stay zeros: no division by their level."""
    assert not np.any(windows_of(np.zeros(RATE, np.float32), level_dbfs=-30))


def test_steady_noise_is_subtracted(noise: Samples) -> None:
    """What is noise throughout is nearly gone, power does not fall below zero, and louder sounds stay."""
    speech = noise[:16_000].copy()
    speech[6000:8000] *= 5
    (window,) = windows_of(speech, subtract_noise=True)
    (heard,) = windows_of(speech)
    assert window.min() == 0
    assert window[:35].sum() < 0.2 * heard[:35].sum()
    assert window[40:48].sum() > 0.9 * heard[40:48].sum()


def test_speech_without_noise_is_left_alone(noise: Samples) -> None:
    """Where pauses are silent the windows are the same bits with noise subtraction and without."""
    speech = noise * (np.arange(len(noise)) % 4000 > 1000)
    np.testing.assert_array_equal(windows_of(speech, subtract_noise=True), windows_of(speech))
