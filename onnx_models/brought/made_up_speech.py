"""A voice that nobody has, for trying networks where no recording is at hand."""

import numpy as np

from onnx_models.blocks import Samples

# First three formants in hertz of the vowels of "father", "see", "bed" and "do", with their strengths and bandwidths;
# after Peterson and Barney, "Control methods used in a study of the vowels", 1952.
_VOWELS = np.array([(730, 1090, 2440), (270, 2290, 3010), (530, 1840, 2480), (300, 870, 2240)], np.float64)
_FORMANTS = ((1.0, 80.0), (0.5, 100.0), (0.25, 120.0))
_VOWELS_A_SECOND = 4
_HIGHEST_HERTZ = 3900
_PEAK = 0.2


def made_up_speech(pitch: float, seconds: float, sample_rate: int) -> Samples:
    """Syllables of vowels around `pitch` hertz, shape (seconds * sample_rate,), the same every time.

    It is taken for speech by the voice activity detector, and by nobody else.
    """
    time = np.arange(max(1, round(seconds * sample_rate))) / sample_rate
    melody = pitch * (1 + 0.08 * np.sin(2 * np.pi * 0.7 * time) + 0.02 * np.sin(2 * np.pi * 5 * time))
    phase = 2 * np.pi * np.cumsum(melody) / sample_rate
    vowel, into = np.divmod(time * _VOWELS_A_SECOND, 1)
    here, there = vowel.astype(int) % len(_VOWELS), (vowel.astype(int) + 1) % len(_VOWELS)
    # Most of a vowel is steady, and the rest leads to the next one.
    share = np.clip((into - 0.6) / 0.4, 0, 1)[:, np.newaxis]
    formants = _VOWELS[here] * (1 - share) + _VOWELS[there] * share
    sound = np.zeros(len(time))
    for harmonic in range(1, int(_HIGHEST_HERTZ / pitch)):
        strength = sum(
            most / (1 + np.square((harmonic * melody - formants[:, number]) / width))
            for number, (most, width) in enumerate(_FORMANTS)
        )
        sound += strength * np.sin(harmonic * phase) / np.sqrt(harmonic)
    sound *= np.clip(0.8 + 1.5 * np.sin(2 * np.pi * _VOWELS_A_SECOND * time - np.pi / 2), 0, 1)
    sound += np.random.default_rng(round(pitch)).normal(0, 0.01, len(time))
    voice: Samples = (_PEAK * sound / np.abs(sound).max()).astype(np.float32)
    return voice
