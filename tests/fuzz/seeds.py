"""Small valid recordings of every format that the appliance takes: what the mutations begin with."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import av
import numpy as np
import numpy.typing as npt
import soundfile

from tests.conftest import RECORDINGS
from tests.fuzz import ogg

_RATE = 16_000
# The demo's first words begin here; half a second of them is enough for voice activity to answer.
_SPEECH_SECONDS = (0.1, 0.7)
_WAV = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW", "GSM610")
_EXTENSIBLE = ("PCM_16", "PCM_32", "FLOAT", "ULAW")


@dataclass(frozen=True, slots=True)
class _Coding:
    """How FFmpeg is to encode: `rate` in hertz, `layout` of the samples, and how many of them make a frame."""

    muxer: str
    encoder: str
    rate: int
    layout: str
    frame: int


_FFMPEG = {
    "opus.ogg": _Coding("ogg", "libopus", 16_000, "s16", 320),
    "count.mp3": _Coding("mp3", "libmp3lame", 16_000, "s16p", 576),
    "aac.m4a": _Coding("ipod", "aac", 16_000, "fltp", 1024),
    "aac.mp4": _Coding("mp4", "aac", 16_000, "fltp", 1024),
    "alac.m4a": _Coding("ipod", "alac", 16_000, "s16p", 4096),
    "mpeg.mp4": _Coding("mp4", "libmp3lame", 16_000, "s16p", 576),
    "aac.aac": _Coding("adts", "aac", 16_000, "fltp", 1024),
    "narrow.amr": _Coding("amr", "libopencore_amrnb", 8000, "s16", 160),
    "narrow.3gp": _Coding("3gp", "libopencore_amrnb", 8000, "s16", 160),
    "opus.webm": _Coding("webm", "libopus", 16_000, "s16", 320),
    "flac.mkv": _Coding("matroska", "flac", 16_000, "s16", 4096),
    "pcm.mkv": _Coding("matroska", "pcm_s16le", 16_000, "s16", 1024),
}


@cache
def seeds() -> Mapping[str, bytes]:
    """Recordings by name, each of some kilobytes."""
    voice = _voice()
    made = {f"{subtype.lower()}.wav": _sound(voice, "WAV", subtype) for subtype in _WAV}
    made |= {f"{subtype.lower()}.wavex": _sound(voice, "WAVEX", subtype) for subtype in _EXTENSIBLE}
    made["rf64.wav"] = _sound(voice, "RF64", "PCM_16")
    stereo = np.stack([voice, voice[::-1]], axis=1)
    made["stereo.wav"] = _sound(stereo, "WAV", "PCM_16")
    made["eight.wavex"] = _sound(np.tile(voice[:1600, None], 8), "WAVEX", "PCM_16")
    made["pcm.flac"] = _sound(voice, "FLAC", "PCM_16")
    made["stereo.flac"] = _sound(stereo, "FLAC", "PCM_24")
    # The one that the library writes has a number of its own in every file.
    made["vorbis.ogg"] = ogg.joined([replace(page, serial=1) for page in ogg.pages(_sound(voice, "OGG", "VORBIS"))])
    made |= {name: _encoded(voice[:: _RATE // coding.rate], coding) for name, coding in _FFMPEG.items()}
    # Its first frame only counts the others.
    made["plain.mp3"] = without_first_frame(made["count.mp3"])
    # Any bits are sound in AMR, and FFmpeg encodes no wideband: frames of its lowest rate, 17 bytes each.
    made["wide.amr"] = b"#!AMR-WB\n" + b"".join(b"\x04" + bytes(range(at, at + 17)) for at in range(30))
    return MappingProxyType(made)


def _voice() -> npt.NDArray[np.float32]:
    samples, rate = soundfile.read(RECORDINGS / "demo.flac", dtype="float32")
    first, last = (int(second * rate) for second in _SPEECH_SECONDS)
    found: npt.NDArray[np.float32] = samples[first:last]
    return found


def _sound(samples: npt.NDArray[np.float32], kind: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, _RATE, subtype, format=kind)
    content = buffer.getvalue()
    if (peak := content[:200].find(b"PEAK")) >= 0:
        # When it was written: behind the chunk's name, size and version.
        content = content[: peak + 12] + bytes(4) + content[peak + 16 :]
    return content


def _encoded(samples: npt.NDArray[np.float32], coding: _Coding) -> bytes:
    """One mono recording by FFmpeg, without what would differ from run to run."""
    buffer = io.BytesIO()
    whole, size = samples, coding.frame
    if not coding.layout.startswith("flt"):
        whole = (samples * 32767).astype(np.int16)
    with av.open(buffer, "w", format=coding.muxer, options={"fflags": "+bitexact"}) as target:
        stream = target.add_stream(coding.encoder, rate=coding.rate, layout="mono", options={"flags": "+bitexact"})
        for start in range(0, len(whole) - size + 1, size):
            block = whole[np.newaxis, start : start + size]
            frame = av.AudioFrame.from_ndarray(block, format=coding.layout, layout="mono")
            frame.sample_rate = coding.rate
            frame.pts = start
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return buffer.getvalue()


def without_first_frame(mpeg: bytes) -> bytes:
    """An MP3 file from its second frame on, without the tags before it."""
    sync = mpeg[mpeg.index(b"\xff\xf3") :][:2]
    first = mpeg.index(sync)
    return mpeg[mpeg.index(sync, first + 4) :]
