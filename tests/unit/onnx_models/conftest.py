"""What tests of the models share."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from onnx_models.extractor import Extractor

RATE = 16_000


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the shipped recordings."""
    return Path(__file__).parents[2] / "recordings"


@pytest.fixture(scope="session")
def extractor(models_dir: Path) -> Extractor:
    """The default model on the CPU."""
    return Extractor.open(models_dir=models_dir, device="cpu")


@pytest.fixture
def noise() -> npt.NDArray[np.float32]:
    """Two seconds of noise at RATE, the same in every test."""
    return np.random.default_rng(3).normal(0, 0.1, 2 * RATE).astype(np.float32)


@pytest.fixture
def raw_wav(tmp_path: Path) -> Callable[..., Path]:
    """Writes a 16-bit mono WAV whose header may say anything: `riff_bytes` and `data_bytes` default to the truth."""

    def write(
        samples: int = RATE,
        *,
        riff_bytes: int | None = None,
        data_bytes: int | None = None,
        encoding: int = 1,
        channels: int = 1,
        rate: int = RATE,
    ) -> Path:
        data = np.zeros(samples * channels, "<i2").tobytes()
        fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, encoding, channels, rate, 2 * channels * rate, 2 * channels, 16)
        said = len(data) if data_bytes is None else data_bytes
        body = b"WAVE" + fmt + struct.pack("<4sI", b"data", said) + data
        path = tmp_path / "made.wav"
        path.write_bytes(struct.pack("<4sI", b"RIFF", len(body) if riff_bytes is None else riff_bytes) + body)
        return path

    return write
