"""Steady noise in mel power."""

import numpy as np
import numpy.typing as npt
import pytest

from onnx_models.noise import noise_to_subtract

Frames = npt.NDArray[np.float32]
BANDS = 40


def sounds(noise_db: float | None, frames: int = 600) -> Frames:
    """Sounds of changing level, silent for a fifth of the time in every band, over noise at `noise_db`."""
    generator = np.random.default_rng(5)
    power = generator.gamma(0.5, 2.0, (frames, BANDS)) * (generator.random((frames, BANDS)) > 0.2) + 1e-6
    if noise_db is not None:
        power += generator.gamma(4.0, 0.25, (frames, BANDS)) * 10 ** (noise_db / 10)
    return power.astype(np.float32)


def test_clean_speech_is_left_alone() -> None:
    """Nothing is subtracted where the floor is far below the speech."""
    assert not noise_to_subtract([sounds(None)]).any()
    assert not noise_to_subtract([sounds(-40.0)]).any()


@pytest.mark.parametrize("noise_db", [-10.0, -5.0, 0.0])
def test_noise_is_subtracted(noise_db: float) -> None:
    """Of loud noise at least what it has on average is subtracted in every band, and at most three times that."""
    noise = 10 ** (noise_db / 10)
    subtracted = noise_to_subtract([sounds(noise_db)])
    assert subtracted.shape == (BANDS,)
    assert subtracted.dtype == np.float32
    assert (subtracted > 0.9 * noise).all()
    assert (subtracted < 3 * noise).all()


def test_more_noise_is_subtracted_more_often() -> None:
    """The multiple of the noise grows with the noise, without a step."""
    levels = np.arange(-30.0, -6.0, 2.0)
    multiples = [noise_to_subtract([sounds(level)]).mean() / 10 ** (level / 10) for level in levels]
    assert multiples[0] < 0.3
    assert (np.diff(multiples) >= 0).all()
    assert np.diff(multiples).max() < 0.6


def test_blocks_do_not_matter() -> None:
    """The estimate is the same bits however the frames are cut."""
    frames = sounds(-10.0)
    cut = [frames[:1], frames[1:250], frames[250:]]
    np.testing.assert_array_equal(noise_to_subtract(cut), noise_to_subtract([frames]))


def test_the_power_of_all_frames_scales_the_noise() -> None:
    """A louder recording of the same sounds has louder noise, and no other estimate."""
    frames = sounds(-10.0)
    np.testing.assert_allclose(noise_to_subtract([frames * 16]), 16 * noise_to_subtract([frames]), rtol=1e-6)


def test_less_than_a_second_is_left_alone() -> None:
    """One held vowel is as steady as noise."""
    assert not noise_to_subtract([sounds(0.0, frames=99)]).any()
    assert noise_to_subtract([sounds(0.0, frames=100)]).all()


def test_silence_and_empty_bands() -> None:
    """Bands without any power have no noise and do not hide that of the others."""
    assert not noise_to_subtract([np.zeros((200, BANDS), np.float32)]).any()
    telephone = sounds(-10.0)
    telephone[:, 30:] = 0
    subtracted = noise_to_subtract([telephone])
    assert subtracted[:30].all()
    assert not subtracted[30:].any()
