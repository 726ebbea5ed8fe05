"""Recordings of which a decoder would quietly keep a part: they are decoded whole, or refused."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from onnx_models import media
from onnx_models.media import MediaLimits, Recording
from schemas.errors import MediaDamaged, MediaOutOfRange, MediaUnknown

RATE = 16_000
ID3V1 = b"TAG" + b"title".ljust(125, b"\0")
APE = b"APETAGEX" + (2000).to_bytes(4, "little") + (2032).to_bytes(4, "little") + bytes(16)


def decoded(path: Path, limits: MediaLimits | None = None) -> npt.NDArray[np.float32]:
    return np.concatenate(list(Recording(path, limits or MediaLimits()).samples((0,), RATE)))


@pytest.fixture
def uncounted(tmp_path: Path, noise: npt.NDArray[np.float32]) -> Path:
    """An MP3 of variable bit rate without a count of its frames, 2 s loud and 20 s faint: libsndfile estimates 16 s."""
    path = tmp_path / "uncounted.mp3"
    sound = np.concatenate([noise, np.tile(0.001 * noise, 10)])
    soundfile.write(path, sound, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.0)
    content = path.read_bytes()
    assert content.count(b"Xing") == 1
    # The frame that held the count stays, as one of silence.
    path.write_bytes(content.replace(b"Xing", bytes(4)))
    return path


def test_mp3_without_a_count(uncounted: Path) -> None:
    """An MP3 at a variable bit rate without a count of its frames is decoded to its end."""
    assert len(decoded(uncounted)) == pytest.approx(22 * RATE, abs=0.3 * RATE)
    recording = Recording(uncounted, MediaLimits())
    assert recording.info.frames is None
    assert recording.length == pytest.approx(22, abs=0.3)


def test_mp3_without_a_count_has_limits(uncounted: Path) -> None:
    """Its length is held against the limit while it is decoded."""
    with pytest.raises(MediaOutOfRange, match="longer than 20 s"):
        decoded(uncounted, MediaLimits(max_audio_length=20.0))


@pytest.mark.parametrize("behind", [ID3V1, b"x" * 2000 + APE, bytes(300_000), bytes(50) + ID3V1])
def test_tags_behind_an_mp3(uncounted: Path, behind: bytes) -> None:
    """Tags and zeros behind an MP3 change nothing."""
    whole = decoded(uncounted)
    uncounted.write_bytes(uncounted.read_bytes() + behind)
    np.testing.assert_array_equal(decoded(uncounted), whole)


@pytest.mark.parametrize("behind", [ID3V1, bytes(4), bytes(300_000), APE, b"x" * 100])
@pytest.mark.parametrize("name", ["demo.flac", "mpeg.mp3", "gsm-8k.wav"])
def test_bytes_behind_a_known_length(recordings: Path, tmp_path: Path, name: str, behind: bytes) -> None:
    """Where the header tells the length, what a tagger puts behind the sound is not decoded."""
    path = tmp_path / name
    path.write_bytes((recordings / name).read_bytes() + behind)
    np.testing.assert_array_equal(decoded(path), decoded(recordings / name))


@pytest.mark.parametrize("name", ["demo.flac", "mpeg.mp3"])
def test_recordings_appended_to_each_other(recordings: Path, tmp_path: Path, name: str) -> None:
    """A second recording behind the first, of which the header tells nothing, is not lost without a word."""
    path = tmp_path / name
    path.write_bytes((recordings / name).read_bytes() * 2)
    with pytest.raises(MediaDamaged, match=r"goes on for \d+ bytes after the 5\.49 s"):
        decoded(path)


@pytest.mark.parametrize("name", ["vorbis.ogg", "opus.opus"])
def test_chained_ogg(recordings: Path, tmp_path: Path, name: str) -> None:
    """Ogg recordings appended to each other, as the format allows, are all decoded."""
    path = tmp_path / name
    path.write_bytes((recordings / name).read_bytes() * 3)
    assert len(decoded(path)) == pytest.approx(3 * 5.49 * RATE, abs=0.1 * RATE)


@pytest.mark.parametrize("between", [b"", bytes(70_000)])
def test_chained_ogg_without_the_extra(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: bytes
) -> None:
    """Without PyAV a chain is refused as such, and an Ogg recording on its own is decoded as before."""
    monkeypatch.setattr(media, "has_extra", lambda: False)
    one = recordings / "vorbis.ogg"
    assert len(decoded(one)) == pytest.approx(5.49 * RATE, abs=0.1 * RATE)
    (tmp_path / "chain.ogg").write_bytes(between.join([one.read_bytes()] * 2))
    with pytest.raises(MediaUnknown, match=r"chained Ogg, .* needs the media extra"):
        decoded(tmp_path / "chain.ogg")


def test_ogg_links_of_different_kinds(recordings: Path, tmp_path: Path) -> None:
    """A chain whose sound changes its encoding on the way is refused, not cut short."""
    path = tmp_path / "chain.ogg"
    path.write_bytes((recordings / "vorbis.ogg").read_bytes() + (recordings / "opus.opus").read_bytes())
    with pytest.raises(MediaDamaged):
        decoded(path)


def test_opus_that_starts_late(recordings: Path, tmp_path: Path) -> None:
    """An Opus file cut out of a longer one, whose positions do not start at 0, is decoded."""
    path = tmp_path / "late.opus"
    with av.open(str(recordings / "opus.opus")) as source, av.open(str(path), "w", format="ogg") as target:
        track = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.pts is not None and packet.pts >= 96_000:
                packet.stream = track
                target.mux(packet)
    assert len(decoded(path)) == pytest.approx(3.49 * RATE, abs=0.1 * RATE)


@pytest.mark.parametrize("riff_bytes", [0, 36, None])
def test_wav_whose_writer_never_came_back(raw_wav: Callable[..., Path], riff_bytes: int | None) -> None:
    """A WAV whose header says 0 in front of a second of sound is refused, not taken for empty."""
    with pytest.raises(MediaDamaged, match=r"gives no length \(0\), and 32000 bytes follow"):
        decoded(raw_wav(RATE, riff_bytes=riff_bytes, data_bytes=0))


def test_mp3_in_wav(tmp_path: Path, noise: npt.NDArray[np.float32]) -> None:
    """MP3 within a WAV file is refused by its encoding, not as a truncated WAV."""
    path = tmp_path / "mp3.wav"
    with av.open(str(path), "w", format="wav") as target:
        track = target.add_stream("libmp3lame", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        target.mux([*track.encode(frame), *track.encode(None)])
    with pytest.raises(MediaUnknown, match="WAV recording encoded as MPEG_LAYER_III"):
        decoded(path)
