"""Raw audio: samples without a header. They are stored behind one, so that they are decoded like any other recording.

The header is that of a WAV whose writer does not know its length: all ones, as FFmpeg writes it into a pipe.
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from phonexia.grpc.common.core_pb2 import RawAudioConfig

from appliance.grpc_face.durations import invalid

_NAME = "audio.raw_audio_config"
# Those of every recording, see onnx_models/media.py, which would load a decoder.
LOWEST_RATE, HIGHEST_RATE = 4000, 192_000
_UNKNOWN = 0xFFFFFFFF
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


@dataclass(frozen=True, slots=True)
class _Encoding:
    """Bytes of a sample, and its number in the header of a WAV."""

    width: int
    tag: int


_ENCODINGS = {
    RawAudioConfig.PCM16: _Encoding(2, 1),
    RawAudioConfig.PCM32: _Encoding(4, 1),
    RawAudioConfig.MULAW: _Encoding(1, 7),
    RawAudioConfig.ALAW: _Encoding(1, 6),
}


@dataclass(frozen=True, slots=True)
class RawFormat:
    """One channel of little-endian samples of `width` bytes, `rate` of them in a second."""

    encoding: RawAudioConfig.AudioEncoding.ValueType
    rate: int

    @classmethod
    def of(cls, config: RawAudioConfig) -> "RawFormat":
        """Raises ValidationError that names what cannot be taken."""
        if config.encoding not in _ENCODINGS:
            raise invalid(f"{_NAME}.encoding", f"{config.encoding} is none of PCM16, PCM32, MULAW and ALAW")
        # Not set: there is nothing else that it could mean.
        if config.channels not in (0, 1):
            raise invalid(
                f"{_NAME}.channels",
                f"raw audio of {config.channels} channels is not taken: over gRPC a recording has one channel "
                "(channels: 1), over REST it may have several",
            )
        if not LOWEST_RATE <= config.sample_rate_hertz <= HIGHEST_RATE:
            raise invalid(
                f"{_NAME}.sample_rate_hertz",
                f"{config.sample_rate_hertz} Hz is not taken, {LOWEST_RATE} to {HIGHEST_RATE} Hz are",
            )
        return cls(config.encoding, config.sample_rate_hertz)

    @property
    def width(self) -> int:
        return _ENCODINGS[self.encoding].width

    def header(self) -> bytes:
        """What stands before the samples."""
        width, tag = self.width, _ENCODINGS[self.encoding].tag
        form = (16, tag, 1, self.rate, self.rate * width, width, 8 * width)
        return _HEADER.pack(b"RIFF", _UNKNOWN, b"WAVE", b"fmt ", *form, b"data", _UNKNOWN)

    def samples(self, content: bytes) -> npt.NDArray[np.float32]:
        """The whole samples that `content` consists of, float32 of shape (n,), full scale 1."""
        if self.encoding == RawAudioConfig.PCM16:
            return np.frombuffer(content, "<i2").astype(np.float32) / np.float32(1 << 15)
        if self.encoding == RawAudioConfig.PCM32:
            return np.frombuffer(content, "<i4").astype(np.float32) / np.float32(1 << 31)
        table = _MULAW if self.encoding == RawAudioConfig.MULAW else _ALAW
        return table[np.frombuffer(content, np.uint8)]


def _mulaw() -> npt.NDArray[np.float32]:
    """ITU-T G.711: sign, three bits of exponent, four of mantissa, all inverted."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4).astype(np.int32) & 7, (code & 15).astype(np.int32)
    size = (((mantissa << 3) + 132) << exponent) - 132
    return (np.where(code & 128, -size, size) / (1 << 15)).astype(np.float32)


def _alaw() -> npt.NDArray[np.float32]:
    """ITU-T G.711: the same with every other bit inverted, and linear near zero."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4).astype(np.int32) & 7, (code & 15).astype(np.int32)
    size = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << np.maximum(exponent - 1, 0))
    return (np.where(code & 128, size, -size) / (1 << 15)).astype(np.float32)


_MULAW, _ALAW = _mulaw(), _alaw()
