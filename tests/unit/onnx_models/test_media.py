"""Recordings: limits, damage, channels, resampling."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from onnx_models import media
from onnx_models.decoders import ffmpeg, libsndfile, opening
from onnx_models.decoders.confined import ConfinedDecoder, floats
from onnx_models.media import MediaLimits, Recording, probe, sha256
from schemas.errors import ChannelMissing, MediaDamaged, MediaError, MediaNotFinite, MediaOutOfRange, MediaUnknown

RATE = 16_000
Samples = npt.NDArray[np.float32]

# Name, kind, channels, sample rate; every one holds the demo's 5.49 s but the call.
SHIPPED = [
    ("demo.flac", "FLAC", 1, 16_000),
    ("call.flac", "FLAC", 2, 8_000),
    ("ulaw-8k.wav", "WAV", 1, 8_000),
    ("gsm-8k.wav", "WAV", 1, 8_000),
    ("vorbis.ogg", "Ogg Vorbis", 1, 16_000),
    ("opus.opus", "Ogg Opus", 1, 16_000),
    ("mpeg.mp3", "MP3", 1, 16_000),
    ("aac.m4a", "MP4 (m4a, mp4, 3gp)", 1, 16_000),
    ("narrow.amr", "AMR", 1, 8_000),
    ("opus.webm", "Matroska (webm, mkv)", 1, 48_000),
]


def decoded(path: Path, selection: tuple[int, ...] = (0,), rate: int = RATE) -> Samples:
    return np.concatenate(list(Recording(path, MediaLimits()).samples(selection, rate)))


@pytest.mark.parametrize(("name", "kind", "channels", "rate"), SHIPPED)
def test_header(recordings: Path, name: str, kind: str, channels: int, rate: int) -> None:
    """The header of every shipped recording is read as what it is."""
    info = probe(recordings / name)
    assert (info.container, info.channels, info.sample_rate) == (kind, channels, rate)


@pytest.mark.parametrize("name", [name for name, _, channels, _ in SHIPPED if channels == 1])
def test_every_kind_decodes_to_the_demo(recordings: Path, name: str) -> None:
    """Every kind gives the demo's length, to the codec's padding, and its loudness, to 2 dB."""
    demo, samples = decoded(recordings / "demo.flac"), decoded(recordings / name)
    assert abs(len(samples) - len(demo)) < 0.08 * RATE
    loudness = 20 * np.log10(np.sqrt(np.mean(samples**2) / np.mean(demo**2)))
    assert abs(loudness) < 2
    assert samples.dtype == np.float32


@pytest.mark.parametrize("name", [name for name, *_ in SHIPPED])
def test_name_does_not_matter(recordings: Path, tmp_path: Path, name: str) -> None:
    """A recording is known by its content, whatever its name says."""
    liar = tmp_path / "recording.raw"
    liar.write_bytes((recordings / name).read_bytes())
    np.testing.assert_array_equal(decoded(liar), decoded(recordings / name))


@pytest.mark.parametrize(
    ("file_format", "subtype"),
    [
        *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")),
        *(("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("FLAC", "PCM_24")),
    ],
)
def test_encodings(tmp_path: Path, noise: Samples, file_format: str, subtype: str) -> None:
    """Every encoding of WAV and FLAC decodes to the same sound, to its own precision."""
    path = tmp_path / "recording"
    soundfile.write(path, noise, RATE, format=file_format, subtype=subtype)
    np.testing.assert_allclose(decoded(path), noise, atol=0.02)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "G721_32", "NMS_ADPCM_32"])
def test_unsafe_encodings_are_refused_by_name(tmp_path: Path, noise: Samples, subtype: str) -> None:
    """Encodings whose decoders have had memory faults are named and not decoded."""
    path = tmp_path / "recording"
    soundfile.write(path, noise, 8000, format="WAV", subtype=subtype)
    with pytest.raises(MediaUnknown, match=f"encoded as {subtype}"):
        probe(path)


@pytest.mark.parametrize("block", [1024, 10_007])
@pytest.mark.parametrize("name", [name for name, *_ in SHIPPED])
def test_blocks_do_not_matter(recordings: Path, monkeypatch: pytest.MonkeyPatch, name: str, block: int) -> None:
    """Decoded and resampled in blocks of any length, a recording gives the same samples, bit for bit."""
    whole = decoded(recordings / name)
    monkeypatch.setattr(libsndfile, "BLOCK_FRAMES", block)
    monkeypatch.setattr(ffmpeg, "BLOCK_FRAMES", block)
    # In this process, since no other one has these blocks.
    monkeypatch.setattr(ConfinedDecoder, "blocks", lambda _: blocks_here(recordings / name))
    np.testing.assert_array_equal(decoded(recordings / name), whole)


def blocks_here(path: Path) -> Iterator[Samples]:
    with FileIO(path) as file, opening.opened(file, *opening.identified(file, True)) as decoder:
        for block in decoder.blocks():
            yield floats(memoryview(bytes(block)), decoder.samples).reshape(-1, decoder.info.channels)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [(kind, subtype) for kind in ("WAV", "FLAC") for subtype in ("PCM_16", "PCM_24")] + [("WAV", "FLOAT")],
)
def test_samples_are_those_of_libsndfile(tmp_path: Path, kind: str, subtype: str) -> None:
    """Whatever way samples take, they are the floats that libsndfile makes of them, bit for bit; all 16-bit values."""
    path = tmp_path / "recording"
    values = np.arange(-(1 << 15), 1 << 15).astype(np.int16).reshape(-1, 2)
    soundfile.write(path, values, RATE, format=kind, subtype=subtype)
    expected, _ = soundfile.read(path, dtype="float32")
    for channel in (0, 1):
        np.testing.assert_array_equal(decoded(path, (channel,)), expected[:, channel])


@pytest.mark.parametrize("rate", [4000, 8000, 44_100, 48_000, 192_000])
def test_resampling(tmp_path: Path, rate: int) -> None:
    """A tone keeps its frequency and its level at any sample rate, and the length in seconds stays."""
    tone = np.sin(2 * np.pi * 500 * np.arange(rate) / rate).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, rate, subtype="FLOAT")
    samples = decoded(tmp_path / "tone.wav")
    assert abs(len(samples) - RATE) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:RATE] * np.hanning(len(samples[:RATE])))) / (RATE / 4)
    assert spectrum.argmax() == 500
    assert abs(spectrum.max() - 1) < 0.02


def test_resampling_is_that_of_soxr_at_once(recordings: Path) -> None:
    """The stream gives what soxr HQ gives on the whole signal."""
    samples, rate = soundfile.read(recordings / "ulaw-8k.wav", dtype="float32")
    np.testing.assert_allclose(decoded(recordings / "ulaw-8k.wav"), soxr.resample(samples, rate, RATE), atol=1e-6)


@pytest.fixture
def three_channels(tmp_path: Path) -> Path:
    """Three constant channels of 0.1, 0.2 and 0.6."""
    path = tmp_path / "three.wav"
    soundfile.write(path, np.tile([0.1, 0.2, 0.6], (1000, 1)), RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("mode", "channels", "levels"),
    [
        ("split", None, [0.1, 0.2, 0.6]),
        ("split", [2, 0], [0.6, 0.1]),
        ("split", [1, 1], [0.2]),
        ("mix", None, [0.3]),
        ("mix", [0, 2], [0.35]),
    ],
)
def test_channels(three_channels: Path, mode: Any, channels: list[int] | None, levels: list[float]) -> None:
    """Split gives the chosen channels one by one, mix the mean of the chosen ones."""
    recording = Recording(three_channels, MediaLimits())
    signals = [np.concatenate(list(recording.samples(s, RATE))) for s in recording.selections(mode, channels)]
    for signal, level in zip(signals, levels, strict=True):
        np.testing.assert_allclose(signal, level, rtol=1e-6)


@pytest.mark.parametrize("channel", [3, 7, -1])
def test_missing_channel(three_channels: Path, channel: int) -> None:
    """A channel that the recording does not have is named, with how many there are."""
    with pytest.raises(ChannelMissing, match=f"channel {channel} .* 3 channels"):
        Recording(three_channels, MediaLimits()).selections("split", [0, channel])


@pytest.mark.parametrize(
    ("shape", "rate", "said"),
    [
        ((100, 9), RATE, "9 channels"),
        ((100, 100), RATE, "100 channels"),
        ((100, 1), 3999, "3999 Hz"),
        ((100, 1), 192_001, "192001 Hz"),
        ((100, 1), 1, "1 Hz"),
    ],
)
def test_limits_of_the_header(tmp_path: Path, shape: tuple[int, int], rate: int, said: str) -> None:
    """Too many channels and sample rates outside the range are refused before anything is decoded."""
    soundfile.write(tmp_path / "recording.wav", np.zeros(shape), rate)
    with pytest.raises(MediaOutOfRange, match=said):
        probe(tmp_path / "recording.wav")


def test_longest_length_by_header(tmp_path: Path, noise: Samples) -> None:
    """A header that says more than the longest length is refused by it, and one that says just that is taken."""
    soundfile.write(tmp_path / "two.wav", noise, RATE)
    assert probe(tmp_path / "two.wav", MediaLimits(max_audio_length=2.0)).length == 2.0
    with pytest.raises(MediaOutOfRange, match=r"at most 1\.9 s"):
        probe(tmp_path / "two.wav", MediaLimits(max_audio_length=1.9))


def test_longest_length_while_decoding(recordings: Path) -> None:
    """A recording whose header tells no length is refused once too much of it was decoded."""
    recording = Recording(recordings / "narrow.amr", MediaLimits(max_audio_length=3.0))
    assert recording.info.length is None
    with pytest.raises(MediaOutOfRange, match="longer than 3 s"):
        list(recording.samples((0,), RATE))


def test_length_without_header(recordings: Path) -> None:
    """The length of a recording whose header tells none is known by decoding it."""
    assert Recording(recordings / "narrow.amr", MediaLimits()).length == pytest.approx(5.5, abs=0.05)


@pytest.mark.parametrize("data_bytes", [2 * RATE + 2, 1 << 30, (1 << 32) - 1])
def test_wav_that_promises_too_much(raw_wav: Callable[..., Path], data_bytes: int) -> None:
    """A WAV header that promises more sound than the file holds is refused with both figures."""
    with pytest.raises(MediaDamaged, match=rf"promises {data_bytes / (2 * RATE):.2f} s, 1\.00 s were found"):
        probe(raw_wav(RATE, data_bytes=data_bytes))


def test_wav_from_a_pipe(raw_wav: Callable[..., Path]) -> None:
    """A WAV whose writer could not know its length is taken as long as it is."""
    path = raw_wav(RATE, riff_bytes=0xFFFFFFFF, data_bytes=0xFFFFFFFF)
    assert len(decoded(path)) == RATE


@pytest.mark.parametrize(("name", "keep"), [("demo.flac", 0.5), ("aac.m4a", 0.5), ("ulaw-8k.wav", 0.9)])
def test_truncated_recordings(recordings: Path, tmp_path: Path, name: str, keep: float) -> None:
    """A recording that ends before its header says is refused as damaged."""
    content = (recordings / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(keep * len(content))])
    with pytest.raises(MediaDamaged):
        decoded(tmp_path / name)


def test_flac_that_promises_a_lot(tmp_path: Path, recordings: Path) -> None:
    """A FLAC header of 2**36 - 1 samples is refused by its length, and less is found missing while decoding."""
    content = bytearray((recordings / "demo.flac").read_bytes())
    # The number of samples: 36 bits from the second half of byte 21.
    content[21] |= 0x0F
    content[22:26] = b"\xff\xff\xff\xff"
    path = tmp_path / "liar.flac"
    path.write_bytes(content)
    with pytest.raises(MediaOutOfRange, match="at most 7200 s"):
        probe(path)
    content[21] &= 0xF0
    content[22:26] = (3600 * RATE).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(MediaDamaged, match=r"3600\.00 s"):
        decoded(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("channel", [0, 1])
def test_samples_that_are_not_finite(tmp_path: Path, value: float, channel: int) -> None:
    """NaN, infinity and values beyond any encoding are refused, in whichever channel they are."""
    samples = np.zeros((200_000, 2), np.float32)
    samples[150_000, channel] = value
    soundfile.write(tmp_path / "recording.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(MediaNotFinite):
        decoded(tmp_path / "recording.wav")


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\x24\0\0\0WAVE",
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + bytes(16),
        b"fLaC" + bytes(60),
        b"ID3" + bytes(60),
        b"OggS" + bytes(24) + b"\x01vorbis" + bytes(60),
        b"#!AMR\n" + b"\xff" * 60,
        b"\0\0\0\x18ftypM4A " + bytes(60),
        b"\x1a\x45\xdf\xa3" + bytes(60),
        b"\xff\xf1" + b"\xff" * 60,
    ],
)
def test_broken_headers(tmp_path: Path, content: bytes) -> None:
    """A file that starts like a recording and goes on otherwise is refused, without its name in the message."""
    path = tmp_path / "a-private-name.wav"
    path.write_bytes(content)
    with pytest.raises(MediaError) as refusal:
        decoded(path)
    assert "private" not in refusal.value.message
    assert str(tmp_path) not in refusal.value.message


@pytest.mark.parametrize("name", [name for name, *_ in SHIPPED])
def test_flipped_bytes_never_crash(recordings: Path, tmp_path: Path, name: str) -> None:
    """A recording with random damage is decoded or refused, and nothing else happens."""
    generator = np.random.default_rng(9)
    content = np.frombuffer((recordings / name).read_bytes(), np.uint8)
    for _ in range(10):
        damaged = content.copy()
        damaged[generator.integers(0, min(2000, len(damaged)), 5)] = generator.integers(0, 256, 5)
        (tmp_path / name).write_bytes(damaged.tobytes())
        with suppress(MediaError):
            decoded(tmp_path / name)


@pytest.mark.parametrize("name", ["aac.m4a", "narrow.amr", "opus.webm"])
def test_missing_extra_is_named(recordings: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Without PyAV the kinds it decodes are refused by name, with the command that installs it."""
    monkeypatch.setattr(media, "has_extra", lambda: False)
    with pytest.raises(MediaUnknown, match=r"pip install 'voiceprint-appliance\[media\]'"):
        probe(recordings / name)


def test_video_without_sound(tmp_path: Path) -> None:
    """A video without an audio track is refused as such."""
    import av

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w", format="mp4") as target:
        stream = target.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    with pytest.raises(MediaUnknown, match="no audio track"):
        probe(path)


@pytest.mark.parametrize("samples", [0, 1, 800])
def test_next_to_nothing(raw_wav: Callable[..., Path], samples: int) -> None:
    """A recording without a sample, or with a few, is no error."""
    recording = Recording(raw_wav(samples), MediaLimits())
    assert sum(map(len, recording.samples((0,), RATE))) == samples
    assert recording.length == samples / RATE


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_plain_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe that nobody writes into, a folder and a device are no recordings, and not waited for."""
    make(tmp_path / "thing.wav")
    for read in (probe, sha256):
        with pytest.raises(MediaUnknown, match="not a plain file"):
            read(tmp_path / "thing.wav")


@pytest.mark.parametrize("name", [name for name, *_ in SHIPPED])
def test_an_open_file_is_a_recording(recordings: Path, name: str) -> None:
    """A recording handed over as an open file is read from its start in every pass, and stays open."""
    content = (recordings / name).read_bytes()
    with os.fdopen(os.memfd_create("recording"), "r+b", buffering=0) as file:
        file.write(content)
        recording = Recording(file, MediaLimits())
        for _ in range(2):
            found = np.concatenate(list(recording.samples((0,), RATE)))
            np.testing.assert_array_equal(found, decoded(recordings / name))
        assert sha256(file) == sha256(recordings / name)
        assert not file.closed
