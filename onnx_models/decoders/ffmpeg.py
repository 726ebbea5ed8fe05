"""m4a, mp4, 3gp, AMR, AAC and webm by FFmpeg through PyAV, the `media` extra.

The demuxer is named by us and the codecs are listed, so that a file never chooses what code reads it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import av

from onnx_models.containers import MP4, Container
from onnx_models.decoders.decoder import BLOCK_FRAMES, SAMPLE_BYTES, Decoder, MediaInfo, Samples
from schemas.errors import MediaDamaged, MediaUnknown

_CODECS = {
    *("aac", "alac", "flac", "mp3", "mp3float", "opus", "libopus", "vorbis"),
    *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "amr_nb", "amr_wb"),
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_alaw", "pcm_mulaw"),
}
# Titles and the like need not be UTF-8. PyAV before 19 refuses a file for that unless told otherwise; later ones know
# no such option.
_LENIENT: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
# An MP4 file lists all its sound in front; encoder delay and padding are a few hundredths of a second.
_MP4_SHORTFALL_SECONDS = 0.5
_FLOAT_BYTES = SAMPLE_BYTES["float32"]


class _Recording:
    samples: Samples = "float32"

    def __init__(self, source: Any, stream: Any, info: MediaInfo, allowed_shortfall: float | None) -> None:
        self._source, self._stream = source, stream
        self.info = info
        self.allowed_shortfall = allowed_shortfall

    def blocks(self) -> Iterator[memoryview]:
        # Packets hold some 20 ms: they are gathered, since everything that follows costs by the block.
        held = bytearray()
        for packet in self._packets():
            held += packet
            if len(held) >= BLOCK_FRAMES * self.info.channels * _FLOAT_BYTES:
                yield memoryview(held)
                held = bytearray()
        if held:
            yield memoryview(held)

    def _packets(self) -> Iterator[memoryview]:
        to_float = av.AudioResampler(format="flt", layout=self._stream.layout, rate=self.info.sample_rate)
        try:
            for frame in self._source.decode(self._stream):
                yield from map(_samples, to_float.resample(frame))
            yield from map(_samples, to_float.resample(None))
        except (av.FFmpegError, ValueError) as error:
            raise _damaged(self.info.container, error) from error


@contextmanager
def opened(file: BinaryIO, container: Container) -> Iterator[Decoder]:
    """A decoder over the first audio track of `file`, which is of the kind `container`.

    Raises MediaDamaged for a broken header, MediaUnknown for a file without sound or with a codec that is not listed.
    """
    try:
        source = av.open(file, format=container.demuxer, **_LENIENT)
    except (av.FFmpegError, ValueError) as error:
        raise _damaged(container.title, error) from error
    with source:
        if not source.streams.audio:
            raise MediaUnknown(f"this {container.title} file has no audio track")
        stream = source.streams.audio[0]
        if stream.codec_context is None or stream.codec_context.name not in _CODECS:
            raise MediaUnknown(f"this {container.title} file holds a sound encoding that is not decoded here")
        if not stream.rate or not stream.channels:
            raise MediaDamaged(f"the header of the {container.title} recording is damaged")
        frames = None
        if container is MP4 and stream.duration is not None and stream.time_base is not None:
            frames = round(stream.duration * stream.time_base * stream.rate)
        info = MediaInfo(container.title, stream.rate, stream.channels, frames)
        yield _Recording(source, stream, info, None if frames is None else _MP4_SHORTFALL_SECONDS)


def _samples(frame: av.AudioFrame) -> memoryview:
    # Planes are longer than what is in them.
    return memoryview(frame.planes[0])[: frame.samples * frame.layout.nb_channels * _FLOAT_BYTES]


def _damaged(title: str, error: Exception) -> MediaDamaged:
    # Only FFmpeg's own words for the error: its message also holds the file's name.
    reason = getattr(error, "strerror", None) or "it is not as the format demands"
    return MediaDamaged(f"the {title} recording cannot be decoded: {reason}")
