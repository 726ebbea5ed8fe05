"""What happens to recordings on their way: telephone lines, codecs, noise. Every treatment is written to a file."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from onnx_models.blocks import Samples
from onnx_models.media import MediaLimits, Recording
from onnx_models.speech import SpeechDetector

_RATE, _TELEPHONE_RATE = 16_000, 8000


@dataclass(frozen=True, slots=True)
class Encoding:
    """A kind of file: its rate in hertz and what libsndfile has to know to write it."""

    suffix: str
    sample_rate: int
    options: Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class Condition:
    """How recordings are treated before they are compared; `speech_seconds` bounds what is listened to.

    `noise_snr` in dB is of white noise against the level of the speech alone: the pauses of a recording do not count.
    """

    name: str
    speech_seconds: float | None = None
    encoding: Encoding | None = None
    noise_snr: float | None = None


# In 32 bit floats noise clips nothing.
_WAV = Encoding("wav", _RATE, {"subtype": "FLOAT"})
_MU_LAW = Encoding("wav", _TELEPHONE_RATE, {"subtype": "ULAW"})
_GSM = Encoding("wav", _TELEPHONE_RATE, {"subtype": "GSM610"})
# libsndfile has 0 to 1 for the 160 to 8 kbit/s that MPEG-2 offers at this rate.
_MP3 = Encoding(
    "mp3", _RATE, {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": (160 - 32) / (160 - 8)}
)

CONDITIONS = (
    Condition("whole"),
    *(Condition(f"{seconds} s of speech", speech_seconds=seconds) for seconds in (10, 5, 3, 2, 1)),
    Condition("8 kHz mu-law", encoding=_MU_LAW),
    Condition("GSM full rate", encoding=_GSM),
    Condition("MP3 at 32 kbit/s", encoding=_MP3),
    *(Condition(f"white noise at {snr} dB", encoding=_WAV, noise_snr=snr) for snr in (20, 10, 5)),
)


def treated(path: Path, condition: Condition, detector: SpeechDetector, folder: Path) -> Path:
    """The recording at `path` under `condition`, as a file in `folder`; `path` itself where nothing happens to it.

    Channels are mixed. The noise is seeded by the recording's name, so every run hears the same.
    """
    if condition.encoding is None:
        return path
    recording = Recording(path, MediaLimits())
    (channels,) = recording.selections("mix", None)
    signal = np.concatenate(list(recording.samples(channels, _RATE)))
    if condition.noise_snr is not None:
        signal = _noisy(signal, condition.noise_snr, detector, seed=zlib.crc32(path.name.encode()))
    encoding = condition.encoding
    heard = folder / f"heard.{encoding.suffix}"
    narrowed = soxr.resample(signal, _RATE, encoding.sample_rate, quality="HQ")
    soundfile.write(heard, narrowed, encoding.sample_rate, **encoding.options)
    return heard


def _noisy(signal: Samples, snr: float, detector: SpeechDetector, seed: int) -> Samples:
    speech = [signal[start:end] for start, end in detector.segments([signal])]
    power = np.square(np.concatenate(speech), dtype=np.float64).mean() if speech else 0.0
    noise = np.random.default_rng(seed).standard_normal(len(signal), dtype=np.float32)
    return signal + noise * np.float32(np.sqrt(power) * 10 ** (-snr / 20))
