"""Clipping, level, signal-to-noise ratio and bandwidth of signals of which they are known."""

import tracemalloc
from dataclasses import astuple
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from onnx_models.quality import QualityMeter
from schemas.quality import Quality, unpack

RATE = 16_000
Samples = npt.NDArray[np.float32]
# Seconds of made-up speech and the pause after it.
SPEECH, PAUSE = 2.4, 0.8
WHOLE = [(0.0, 3600.0)]


def voice(seconds: float, rate: int = RATE) -> Samples:
    """Harmonics of a gliding pitch up to half of `rate`, falling by 6 dB an octave, in syllables: four a second."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = 160 + 25 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros(len(time))
    for harmonic in range(1, int(rate / 2 / 135)):
        sound += np.sin(harmonic * phase + harmonic**2) / harmonic * (harmonic * pitch < rate / 2)
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), -0.3, 1) + 0.3
    return (0.05 * sound * syllables).astype(np.float32)


def talk(rate: int = RATE, *, turns: int = 4, pause: float = PAUSE) -> tuple[Samples, list[tuple[float, float]]]:
    """Made-up speech with pauses, and where the speech is, in seconds."""
    turn = np.concatenate([voice(SPEECH, rate), np.zeros(round(pause * rate), np.float32)])
    return np.tile(turn, turns), [(n * (SPEECH + pause), n * (SPEECH + pause) + SPEECH) for n in range(turns)]


def measured(
    samples: npt.NDArray[np.floating], speech: list[tuple[float, float]], rate: int = RATE, block: int = 65_536
) -> Quality:
    signal = samples.astype(np.float32)
    signal = signal[:, np.newaxis] if signal.ndim == 1 else signal
    meter = QualityMeter(rate, signal.shape[1])
    for start in range(0, len(signal), block):
        meter.push(signal[start : start + block])
    for start_seconds, end_seconds in speech:
        meter.speech(start_seconds, end_seconds)
    return meter.finish()


def spoken(recordings: Path) -> Samples:
    """Both shipped voices, one after the other."""
    voices = [soundfile.read(recordings / name, dtype="float32")[0] for name in ("demo.flac", "answer.flac")]
    return np.concatenate(voices)


def power(samples: npt.NDArray[np.floating]) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def with_noise(samples: Samples, speech: list[tuple[float, float]], decibels: float) -> npt.NDArray[np.float64]:
    """White noise added, `decibels` below the speech."""
    said = np.concatenate([samples[round(start * RATE) : round(end * RATE)] for start, end in speech])
    noise = np.random.default_rng(1).standard_normal(len(samples))
    return samples + noise * np.sqrt(power(said) / 10 ** (decibels / 10))


@pytest.mark.parametrize("rate", [8000, RATE, 44_100])
@pytest.mark.parametrize("block", [997, 64_000, 10_000_000])
def test_blocks_do_not_matter(rate: int, block: int) -> None:
    """The same samples cut otherwise give the same figures, bit for bit."""
    samples, speech = talk(rate)
    assert measured(samples, speech, rate, block) == measured(samples, speech, rate, 4321)


def test_speech_may_be_told_late_or_early() -> None:
    """Whether the speech is told as it passes or at the end, and in how many pieces, makes no difference."""
    samples, speech = talk(turns=12)
    meter = QualityMeter(RATE)
    for start in range(0, len(samples), RATE):
        meter.push(samples[start : start + RATE, np.newaxis])
        for spoken_from, spoken_until in speech:
            if start / RATE <= spoken_from < start / RATE + 1:
                meter.speech(spoken_from, spoken_from + 0.8)
                meter.speech(spoken_from + 0.8, spoken_until)
    assert meter.finish() == measured(samples, speech)


@pytest.mark.parametrize("decibels", [0, 5, 10, 15, 20, 30])
def test_noise_is_told_from_pauses(decibels: float) -> None:
    """White noise is found to 1.5 dB from 0 to 30 dB below the speech."""
    samples, speech = talk()
    found = measured(with_noise(samples, speech, decibels), speech).snr
    assert found == pytest.approx(decibels, abs=1.5)


@pytest.mark.parametrize("decibels", [0, 5, 10, 15, 20, 30])
def test_noise_is_told_without_pauses(decibels: float) -> None:
    """Where all is speech, white noise is found to 3 dB between its syllables."""
    samples, speech = talk(pause=0.0)
    found = measured(with_noise(samples, speech, decibels), speech).snr
    assert found == pytest.approx(decibels, abs=3)


def test_digital_silence_is_no_noise() -> None:
    """A recording that was padded with zeros is as noisy as its speech."""
    samples, speech = talk(pause=0.0)
    noisy = with_noise(samples, speech, 10)
    padded = np.concatenate([noisy, np.zeros(10 * RATE)])
    assert measured(padded, speech).snr == measured(noisy, speech).snr


def test_gated_pauses_do_not_make_a_recording_clean() -> None:
    """Pauses that a noise gate made quiet improve the figure by 10 dB at most."""
    samples, speech = talk()
    noisy = with_noise(samples, speech, 10)
    gated = noisy.copy()
    for _, end in speech:
        gated[round((end + 0.064) * RATE) : round((end + PAUSE) * RATE)] *= 1e-3
    found = measured(gated, speech).snr
    assert found is not None
    assert found < 21


def test_too_little_to_tell_noise() -> None:
    """From one second of speech nothing is said about noise, the rest is measured."""
    found = measured(voice(1.0), [(0.0, 1.0)])
    assert found.snr is None
    assert None not in (found.clipping, found.level, found.bandwidth)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05])
@pytest.mark.parametrize(
    ("subtype", "gain"),
    [
        ("PCM_U8", 1),
        ("PCM_16", 1),
        ("PCM_24", 1),
        ("FLOAT", 1),
        ("ULAW", 1),
        ("ALAW", 1),
        ("PCM_16", 0.3),
        ("FLOAT", 0.3),
    ],
)
def test_clipping(recordings: Path, tmp_path: Path, share: float, subtype: str, gain: float) -> None:
    """The share of clipped samples is found to a quarter in every encoding, and when it was turned down afterwards."""
    samples = spoken(recordings)
    limit = np.quantile(np.abs(samples), 1 - share)
    soundfile.write(tmp_path / "clipped.wav", gain * np.clip(samples / limit, -1, 1), RATE, subtype=subtype)
    clipped, _ = soundfile.read(tmp_path / "clipped.wav", dtype="float32")
    assert measured(clipped, WHOLE).clipping == pytest.approx(share, rel=0.25)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW", "ALAW"])
def test_full_scale_is_not_clipping(recordings: Path, tmp_path: Path, subtype: str) -> None:
    """A recording whose highest sample is full scale is not called clipped."""
    samples = spoken(recordings)
    soundfile.write(tmp_path / "loud.wav", samples / np.abs(samples).max(), RATE, subtype=subtype)
    loud, _ = soundfile.read(tmp_path / "loud.wav", dtype="float32")
    clipping = measured(loud, WHOLE).clipping
    assert clipping is not None
    assert clipping < 0.001


def test_clipping_outside_speech_does_not_count(recordings: Path) -> None:
    """A click between words neither is clipped speech nor hides it."""
    clipped = np.clip(spoken(recordings), -0.2, 0.2)
    with_click = clipped.copy()
    with_click[RATE : RATE + 500] = 1.0
    speech = [(0.0, 0.9), (1.1, 4.0)]
    assert measured(with_click, speech).clipping == measured(clipped, speech).clipping != 0


def test_clipping_of_a_mix_is_that_of_its_channels(recordings: Path) -> None:
    """In the mean of two channels nothing reaches full scale, and still one of them was clipped."""
    clean = spoken(recordings)
    clipped = np.clip(clean / np.quantile(np.abs(clean), 0.98), -1, 1)
    found = measured(np.stack([clipped, 0.5 * np.roll(clean, 777)], axis=1), WHOLE)
    assert found.clipping == pytest.approx(0.01, rel=0.25)


def test_level() -> None:
    """A sine at full scale has -3 dB, whatever it is shifted by, and only speech counts."""
    sine = np.sin(2 * np.pi * 500 * np.arange(4 * RATE) / RATE)
    assert measured(sine, [(0.0, 4.0)]).level == pytest.approx(-3.01, abs=0.01)
    assert measured(0.01 * sine + 0.3, [(0.0, 4.0)]).level == pytest.approx(-43.01, abs=0.01)
    assert measured(np.concatenate([sine, 0.1 * sine]), [(4.0, 8.0)]).level == pytest.approx(-23.01, abs=0.01)


@pytest.mark.parametrize("rate", [8000, 11_025, RATE, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_a_telephone_is_found_at_any_sample_rate(rate: int) -> None:
    """Speech that was once sampled at 8 kHz has the band of a telephone, however it is sampled now."""
    samples, speech = talk(8000)
    dither = np.random.default_rng(0).uniform(-1, 1, len(samples) * rate // 8000 + 1) / 32_768
    resampled = soxr.resample(samples, 8000, rate, quality="HQ")
    found = measured(resampled + dither[: len(resampled)], speech, rate)
    assert found.band == "telephone"
    assert found.bandwidth == pytest.approx(3900, abs=200)


@pytest.mark.parametrize(("rate", "band"), [(RATE, "wide"), (32_000, "super-wide"), (48_000, "full")])
@pytest.mark.parametrize("decibels", [10, 60])
def test_wider_bands_are_no_telephone(rate: int, band: str, decibels: float) -> None:
    """Speech up to half its sample rate has that bandwidth, with noise or without."""
    samples, speech = talk(rate)
    noise = np.random.default_rng(2).standard_normal(len(samples)) * np.sqrt(power(samples) / 10 ** (decibels / 10))
    found = measured(samples + noise, speech, rate)
    assert found.band == band
    assert found.bandwidth == pytest.approx(rate / 2, abs=250)


@pytest.mark.parametrize("rate", [4000, 7351, RATE, 192_000])
@pytest.mark.parametrize("seconds", [0.0, 0.0001, 0.031, 0.033, 0.3, 5.0])
@pytest.mark.parametrize("kind", ["zeros", "direct current", "full scale", "tone", "click", "huge"])
def test_every_signal_has_figures_or_none(rate: int, seconds: float, kind: str) -> None:
    """Nothing taken for speech, however odd and short, makes a figure that is no number, or a warning."""
    time = np.arange(round(seconds * rate)) / rate
    signals = {
        "zeros": np.zeros(len(time)),
        "direct current": np.full(len(time), 0.25),
        "full scale": np.ones(len(time)),
        "tone": np.sin(2 * np.pi * 440 * time),
        "click": np.arange(len(time)) == 7,
        "huge": 2.0**31 * np.sign(np.sin(2 * np.pi * 440 * time)),
    }
    for speech in ([], [(0.0, seconds)], [(0.1, 0.2)]):
        found = measured(signals[kind], speech, rate)
        assert all(value is None or np.isfinite(value) for value in astuple(found))
        assert unpack(found.pack()) is not None


def test_without_speech() -> None:
    """Where nothing was found to be speech, nothing is measured."""
    assert measured(voice(5.0), []) == Quality()


def test_a_range_is_measured_like_a_recording_of_its_own() -> None:
    """From 3.2 s to 9.6 s of a recording, the figures are those of what was cut out."""
    samples, speech = talk()
    noisy = with_noise(samples, speech, 12).astype(np.float32)
    meter = QualityMeter(RATE, 1, 3.2, 9.6)
    for start in range(0, len(noisy), 5000):
        meter.push(noisy[start : start + 5000, np.newaxis])
    for start_seconds, end_seconds in speech[:2]:
        meter.speech(start_seconds, end_seconds)
    assert meter.finish() == measured(noisy[round(3.2 * RATE) : round(9.6 * RATE)], speech[:2])


def test_what_nobody_listened_to_is_no_pause() -> None:
    """After the speech that was asked for, speech that goes on is not taken for noise."""
    samples, _ = talk(pause=0.0)
    figures = []
    for given_up in (False, True):
        meter = QualityMeter(RATE)
        meter.push(samples[:, np.newaxis])
        meter.speech(0.0, 4.0)
        if given_up:
            meter.given_up()
        figures.append(meter.finish().snr)
    assert figures[1] == measured(samples[: 4 * RATE], [(0.0, 4.0)]).snr
    assert figures[0] != figures[1]


def test_memory_is_bounded() -> None:
    """Half an hour takes no more memory than five minutes."""
    block = np.zeros((65_536, 1), np.float32)
    block[::50] = 0.1

    def peak(blocks: int) -> int:
        tracemalloc.start()
        try:
            meter = QualityMeter(RATE)
            for _ in range(blocks):
                meter.push(block)
            meter.finish()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = peak(75), peak(450)
    assert long < 1.1 * short
    assert long < 5_000_000
