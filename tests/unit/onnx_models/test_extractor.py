"""From recordings to voiceprints."""

import hashlib
import math
import time
import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from onnx_models import open_model, registry
from onnx_models.blocks import reblocked
from onnx_models.decoders.confined import ConfinedDecoder
from onnx_models.extractor import Extractor
from onnx_models.media import MediaLimits
from onnx_models.passage import Stopped
from schemas.errors import ChannelMissing, ConfigurationError, MediaOutOfRange, MediaUnknown
from schemas.voiceprint import decode, encode

RATE = 16_000
GOLDEN = np.load(Path(__file__).parents[2] / "recordings" / "golden.npz")
Samples = npt.NDArray[np.float32]


@pytest.mark.parametrize("name", GOLDEN.files)
def test_golden_vectors(extractor: Extractor, recordings: Path, name: str) -> None:
    """Every shipped recording gives its committed vectors: cosine at least 0.99999, each value to 1e-3."""
    voiceprints = extractor.extract(recordings / name)
    for voiceprint, golden in zip(voiceprints, GOLDEN[name], strict=True):
        assert float(voiceprint.vector @ golden) >= 0.99999
        np.testing.assert_allclose(voiceprint.vector, golden, atol=1e-3)


def test_voiceprint_tells_its_origin(extractor: Extractor, recordings: Path) -> None:
    """A voiceprint names its model, its recording and its lengths, and fits its container."""
    path = recordings / "demo.flac"
    before = time.time_ns() // 1_000_000
    (voiceprint,) = extractor.extract(path)
    card = registry.speaker_card("ge2e")
    assert (voiceprint.model, voiceprint.space) == (card.name, card.space)
    assert voiceprint.model_sha256.hex() == card.sha256
    assert voiceprint.media_sha256 == hashlib.sha256(path.read_bytes()).digest()
    assert voiceprint.recording_length == soundfile.info(path).duration
    assert 4.5 < voiceprint.speech_length < voiceprint.recording_length
    assert (voiceprint.sample_rate, voiceprint.channel_number, voiceprint.merged) == (RATE, 0, 1)
    assert before <= voiceprint.created_ms <= time.time_ns() // 1_000_000
    assert voiceprint.vector.dtype == np.float32
    assert math.isclose(float(np.linalg.norm(voiceprint.vector)), 1, abs_tol=1e-6)
    np.testing.assert_array_equal(decode(encode(voiceprint)).vector, voiceprint.vector)


def test_given_origin_is_kept(extractor: Extractor, recordings: Path) -> None:
    """The time of asking and the recording's digest may be given, so that a repeated run gives the same bytes."""
    given = {"created_ms": 7, "media_sha256": bytes(range(32))}
    (first,) = extractor.extract(recordings / "demo.flac", **given)
    (again,) = extractor.extract(recordings / "demo.flac", **given)
    assert (first.created_ms, first.media_sha256) == (7, bytes(range(32)))
    assert encode(first) == encode(again)


def test_vector_depends_on_nothing_else(extractor: Extractor, recordings: Path, models_dir: Path) -> None:
    """A recording gives the same bits whatever was extracted before and by whichever process."""
    (first,) = extractor.extract(recordings / "demo.flac")
    extractor.extract(recordings / "call.flac")
    (again,) = extractor.extract(recordings / "demo.flac")
    (fresh,) = open_model(models_dir=models_dir, device="cpu").extract(str(recordings / "demo.flac"))
    np.testing.assert_array_equal(again.vector, first.vector)
    np.testing.assert_array_equal(fresh.vector, first.vector)


@pytest.mark.parametrize("block", [500, 7001])
def test_blocks_do_not_matter(
    extractor: Extractor, recordings: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """A recording read in other blocks gives the same bits."""
    (whole,) = extractor.extract(recordings / "ulaw-8k.wav")
    blocks = ConfinedDecoder.blocks
    monkeypatch.setattr(ConfinedDecoder, "blocks", lambda decoder: reblocked(blocks(decoder), block))
    (in_blocks,) = extractor.extract(recordings / "ulaw-8k.wav")
    np.testing.assert_array_equal(in_blocks.vector, whole.vector)


def test_two_voices_differ(extractor: Extractor, recordings: Path) -> None:
    """One voice over two codecs scores far above two voices."""
    (demo,), (answer,), (coded,) = (extractor.extract(recordings / n) for n in ("demo.flac", "answer.flac", "mpeg.mp3"))
    assert demo.vector @ coded.vector > 0.95
    assert demo.vector @ answer.vector < 0.8


def test_channels_of_a_call(extractor: Extractor, recordings: Path, tmp_path: Path) -> None:
    """Each channel gives the voiceprint that it would give alone; the mix of both is another."""
    samples, rate = soundfile.read(recordings / "call.flac")
    both = extractor.extract(recordings / "call.flac")
    assert [voiceprint.channel_number for voiceprint in both] == [0, 1]
    for voiceprint in both:
        soundfile.write(tmp_path / "alone.wav", samples[:, voiceprint.channel_number], rate)
        (alone,) = extractor.extract(tmp_path / "alone.wav")
        np.testing.assert_array_equal(voiceprint.vector, alone.vector)
    (second,) = extractor.extract(recordings / "call.flac", channels=[1])
    assert second.channel_number == 1
    np.testing.assert_array_equal(second.vector, both[1].vector)
    (mix,) = extractor.extract(recordings / "call.flac", channel_mode="mix")
    assert mix.channel_number == 0
    assert mix.speech_length > max(voiceprint.speech_length for voiceprint in both)


def test_mean_is_taken_off(extractor: Extractor, recordings: Path, models_dir: Path) -> None:
    """The vector is the raw one less the card's mean, at unit length."""
    mean = registry.load_mean(extractor.card)
    raw = Extractor.open(models_dir=models_dir, device="cpu", mean=np.zeros_like(mean))
    (uncentred,) = raw.extract(recordings / "demo.flac")
    (centred,) = extractor.extract(recordings / "demo.flac")
    difference = uncentred.vector - mean
    np.testing.assert_allclose(centred.vector, difference / np.linalg.norm(difference), atol=1e-6)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 3.3])
def test_longest_speech(extractor: Extractor, recordings: Path, seconds: float) -> None:
    """Reading ends at exactly the speech asked for; the recording's length stays what it is."""
    (voiceprint,) = extractor.extract(recordings / "demo.flac", max_speech_length=seconds)
    assert voiceprint.speech_length == seconds
    assert voiceprint.recording_length == soundfile.info(recordings / "demo.flac").duration
    (whole,) = extractor.extract(recordings / "demo.flac", max_speech_length=60.0)
    assert whole.speech_length < 5.5
    assert voiceprint.vector @ whole.vector > 0.5


@pytest.mark.parametrize(("start", "end"), [(0.0, 2.5), (1.25, None), (1.0, 3.0), (0.5, 60.0)])
def test_range(extractor: Extractor, recordings: Path, tmp_path: Path, start: float, end: float | None) -> None:
    """A range of a recording gives the voiceprint of a file that holds just that; its length stays the recording's."""
    samples, _ = soundfile.read(recordings / "demo.flac", dtype="int16")
    soundfile.write(tmp_path / "part.wav", samples[int(start * RATE) : None if end is None else int(end * RATE)], RATE)
    (ranged,) = extractor.extract(recordings / "demo.flac", range_from=start, range_to=end)
    (alone,) = extractor.extract(tmp_path / "part.wav")
    np.testing.assert_array_equal(ranged.vector, alone.vector)
    assert ranged.speech_length == alone.speech_length
    assert ranged.recording_length == soundfile.info(recordings / "demo.flac").duration


@pytest.mark.parametrize(
    ("parameters", "seconds"),
    [
        ({}, 5.4948125),
        ({"range_from": 1.25}, 4.2448125),
        ({"range_to": 2.5}, 2.5),
        ({"range_from": 5, "range_to": 9}, 0.4948125),
    ],
)
def test_how_much_was_listened_to(
    extractor: Extractor, recordings: Path, parameters: dict[str, float], seconds: float
) -> None:
    """What counts as listened to lies from the start of the range to its end, or the recording's."""
    listened: list[float] = []
    extractor.extract(recordings / "demo.flac", listened=listened.append, **parameters)  # type: ignore[arg-type]
    assert listened == [seconds]


def test_how_much_was_listened_to_for_enough_speech(extractor: Extractor, recordings: Path) -> None:
    """With a cap it is as far as the speech that was taken reaches, channel by channel: a range that ends there has
    the same speech."""
    listened: list[float] = []
    capped = extractor.extract(
        recordings / "call.flac", max_speech_length=1.5, range_from=0.5, listened=listened.append
    )
    assert len(listened) == len(capped) == 2
    for voiceprint, seconds in zip(capped, listened, strict=True):
        assert 1.5 <= seconds < voiceprint.recording_length - 0.5
        (ranged,) = extractor.extract(
            recordings / "call.flac", channels=[voiceprint.channel_number], range_from=0.5, range_to=0.5 + seconds
        )
        assert ranged.speech_length == pytest.approx(1.5, abs=0.1)


def test_range_behind_the_end(extractor: Extractor, recordings: Path) -> None:
    """A range that starts after the recording's end is refused with both figures."""
    with pytest.raises(MediaOutOfRange, match=r"starts at 60 s, and the recording ends at 5\."):
        extractor.extract(recordings / "demo.flac", range_from=60.0)


@pytest.mark.parametrize("length", [0.0, 0.05, 3.0])
def test_no_speech(extractor: Extractor, tmp_path: Path, length: float) -> None:
    """Silence, 0.05 s and nothing at all give a vector of zeros, and no error."""
    soundfile.write(tmp_path / "silence.wav", np.zeros(int(length * RATE)), RATE)
    (voiceprint,) = extractor.extract(tmp_path / "silence.wav")
    assert not voiceprint.has_speech
    assert voiceprint.spoken_vector.shape == (0,)
    assert voiceprint.speech_length == 0
    assert voiceprint.recording_length == length
    assert decode(encode(voiceprint)).dimension == 256


def test_noise_and_tones(extractor: Extractor, tmp_path: Path, noise: Samples) -> None:
    """A recording of noise and a tone has no speech."""
    tone = np.sin(2 * np.pi * 700 * np.arange(2 * RATE) / RATE).astype(np.float32)
    soundfile.write(tmp_path / "sounds.wav", np.concatenate([noise, 0.2 * tone]), RATE)
    assert not extractor.extract(tmp_path / "sounds.wav")[0].has_speech


def test_little_speech_still_counts(extractor: Extractor, recordings: Path, tmp_path: Path) -> None:
    """A third of a second of speech gives a vector."""
    samples, _ = soundfile.read(recordings / "demo.flac")
    soundfile.write(tmp_path / "word.wav", samples[2000:7500], RATE)
    (voiceprint,) = extractor.extract(tmp_path / "word.wav")
    assert 0 < voiceprint.speech_length < 0.4
    assert voiceprint.has_speech


@pytest.mark.parametrize("gain", [0.05, 0.3, 2.0])
def test_loudness_hardly_matters(extractor: Extractor, recordings: Path, tmp_path: Path, gain: float) -> None:
    """The same speech, quieter or louder, is the same speaker."""
    samples, _ = soundfile.read(recordings / "demo.flac", dtype="float32")
    soundfile.write(tmp_path / "gain.wav", gain * samples, RATE, subtype="FLOAT")
    (voiceprint,), (original,) = (extractor.extract(p) for p in (tmp_path / "gain.wav", recordings / "demo.flac"))
    assert voiceprint.vector @ original.vector > 0.85


def test_stop(extractor: Extractor, recordings: Path) -> None:
    """An extraction ends between blocks when it is asked to, and the next one works."""
    with pytest.raises(Stopped):
        extractor.extract(recordings / "demo.flac", stop=lambda: True)
    assert extractor.extract(recordings / "demo.flac", stop=lambda: False)[0].has_speech


def test_refusals(extractor: Extractor, recordings: Path) -> None:
    """What is no recording, or lacks the channel, is refused, and the next extraction works."""
    with pytest.raises(MediaUnknown, match="text"):
        extractor.extract(recordings / "make.py")
    with pytest.raises(ChannelMissing):
        extractor.extract(recordings / "demo.flac", channels=[7])
    assert extractor.extract(recordings / "demo.flac")


def test_limits_are_the_callers(models_dir: Path, recordings: Path) -> None:
    """The limits given at opening hold for every extraction."""
    model = Extractor.open(models_dir=models_dir, device="cpu", limits=MediaLimits(max_audio_length=2.0))
    with pytest.raises(MediaOutOfRange):
        model.extract(recordings / "demo.flac")


def test_model_that_is_not_installed(tmp_path: Path) -> None:
    """A model is opened only when its file is there, and the refusal names the cure."""
    with pytest.raises(ConfigurationError, match="voiceprint models install ge2e"):
        open_model(models_dir=tmp_path)


def test_long_recording_in_bounded_memory(extractor: Extractor, recordings: Path, tmp_path: Path) -> None:
    """Five minutes in two channels never take the memory of one channel's samples."""
    samples, rate = soundfile.read(recordings / "call.flac", dtype="int16")
    with soundfile.SoundFile(tmp_path / "long.wav", "w", rate, 2) as long:
        for _ in range(34):
            long.write(samples)
    tracemalloc.start()
    try:
        voiceprints = extractor.extract(tmp_path / "long.wav")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert voiceprints[0].speech_length > 100
    assert peak < 4 * RATE * voiceprints[0].recording_length
