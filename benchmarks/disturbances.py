"""What may come between speech and a microphone's far end, as arithmetic on samples at 16 kHz."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import soxr

from onnx_models.blocks import Samples

RATE = 16_000
_TELEPHONE_RATE = 8000
_MU = 255.0
# A bar of two seconds: four chords of three notes, in hertz, with six partials each.
_CHORDS = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))
_PARTIALS, _NOTE_SECONDS = 6, 0.5


def telephone(signal: Samples, seed: int) -> Samples:
    """Narrowed to 8 kHz and companded to eight bits by the mu-law of G.711, and back."""
    del seed
    narrow = np.clip(soxr.resample(signal, RATE, _TELEPHONE_RATE, quality="HQ"), -1, 1)
    companded = np.round(127 * np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)) / 127
    expanded = np.sign(companded) * np.expm1(np.abs(companded) * np.log1p(_MU)) / _MU
    return np.asarray(soxr.resample(expanded, _TELEPHONE_RATE, RATE, quality="HQ")[: len(signal)], np.float32)


def in_noise(signal: Samples, seed: int) -> Samples:
    """In white noise, 5 dB below the whole recording."""
    return _mixed(signal, np.random.default_rng(seed).standard_normal(len(signal)), 5.0)


def in_music(signal: Samples, seed: int) -> Samples:
    """Among music that is as loud as the whole recording."""
    return _mixed(signal, music(signal, seed), 0.0)


def music(signal: Samples, seed: int) -> Samples:
    """Music alone, as long as `signal`: struck chords with a tremulous tune above them and a drum on every note."""
    random = np.random.default_rng(seed)
    seconds = np.arange(len(signal)) / RATE
    note = (seconds / _NOTE_SECONDS).astype(np.intp)
    since = seconds - note * _NOTE_SECONDS
    tune = 880 * 2 ** (random.integers(-12, 12, note.max(initial=0) + 1)[note] / 12)
    played = 0.3 * np.sin(2 * np.pi * tune * since + 3 * np.sin(2 * np.pi * 5.5 * seconds))
    for voice in np.array(_CHORDS)[note % len(_CHORDS)].T:
        for partial in range(1, _PARTIALS + 1):
            played += np.sin(2 * np.pi * partial * voice * since) * np.exp(-3 * partial * since) / partial
    played += random.standard_normal(len(signal)) * np.exp(-60 * since)
    return np.asarray(0.1 * played, np.float32)


def quiet(signal: Samples, seed: int) -> Samples:
    """50 dB down, in steps of 16 bits."""
    del seed
    return np.asarray(np.round(signal * 10 ** (-50 / 20) * 32768) / 32768, np.float32)


def clipped(signal: Samples, seed: int) -> Samples:
    """30 dB up, cut off at full scale."""
    del seed
    return np.asarray(np.clip(signal * 10 ** (30 / 20), -1, 1), np.float32)


def _mixed(signal: Samples, other: npt.NDArray[np.floating], decibels: float) -> Samples:
    """`other` is brought to `decibels` below `signal`."""
    powers = [max(np.square(part, dtype=np.float64).mean(), 1e-12) for part in (signal, other)]
    gain = np.sqrt(powers[0] / powers[1]) * 10 ** (-decibels / 20)
    return np.asarray(signal + gain * other, np.float32)


DISTURBANCES: Mapping[str, Callable[[Samples, int], Samples]] = {
    "as it is": lambda signal, _: signal,
    "telephone, mu-law": telephone,
    "white noise at 5 dB": in_noise,
    "music at 0 dB": in_music,
    "music alone": music,
    "50 dB down": quiet,
    "30 dB up, clipped": clipped,
}
