"""Every front end against an independent library: how far the numbers differ, and which is faster.

    python -m benchmarks.front_ends [--recording FILE] [--seconds 120] [--rounds 7]

Both work on the same samples in one thread, taking turns; time is the processor's, which other programs on the machine
disturb less than the clock's. Needs the `dev` extra: kaldi-native-fbank and librosa.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from threadpoolctl import threadpool_limits

from onnx_models.blocks import Samples
from onnx_models.families import Framing, Window, open_family
from onnx_models.media import MediaLimits, Recording

RATE = 16_000
# What the extractor hands over at once, at most.
_BLOCK = 16 * RATE
_DEMO = Path(__file__).parents[1] / "tests" / "recordings" / "demo.flac"

Array = npt.NDArray[np.floating]


def kaldi_native_fbank(samples: Samples, taper: str, scale: float, rate: int = RATE) -> Array:
    """Log mel bands (frames, 80) before their mean is removed."""
    import kaldi_native_fbank  # noqa: PLC0415

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = taper
    options.frame_opts.samp_freq = rate
    options.mel_opts.num_bins = 80
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(rate, samples * np.float32(scale))
    bank.input_finished()
    return np.stack([bank.get_frame(frame) for frame in range(bank.num_frames_ready)])


def kaldi_windows(samples: Samples, taper: str, scale: float, rate: int = RATE) -> Array:
    """kaldi-native-fbank's bands with their mean over time removed, shape (frames, 80)."""
    bands = kaldi_native_fbank(samples, taper, scale, rate)
    centred: Array = bands - bands.mean(axis=0, dtype=np.float64)
    return centred


def nemo_bands(samples: Samples) -> Array:
    """NeMo's recipe in librosa's terms, shape (80, frames); librosa is what NeMo takes its mel filters from."""
    import librosa  # noqa: PLC0415

    emphasised = np.append(samples[:1], samples[1:] - np.float32(0.97) * samples[:-1])
    spectrum = librosa.stft(emphasised, n_fft=512, hop_length=160, win_length=400, window=np.hanning(400))
    power = np.square(np.abs(spectrum))
    bands = np.log(librosa.filters.mel(sr=RATE, n_fft=512, n_mels=80) @ power + 2.0**-24)[:, : len(samples) // 160]
    mean, deviation = bands.mean(axis=1, dtype=np.float64), bands.std(axis=1, dtype=np.float64, ddof=1)
    normalised: Array = (bands - mean[:, np.newaxis]) / (deviation[:, np.newaxis] + 1e-5)
    return normalised


def mfcc_statistics(samples: Samples) -> Array:
    """librosa's cepstra and slopes, their means and deviations, shape (80,)."""
    import librosa  # noqa: PLC0415

    power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=512, win_length=400, hop_length=160, n_mels=40)
    cepstra = librosa.feature.mfcc(S=librosa.power_to_db(power, top_db=None), n_mfcc=20)
    both = np.concatenate([cepstra, librosa.feature.delta(cepstra)])
    return np.concatenate([both.mean(axis=1, dtype=np.float64), both.std(axis=1, dtype=np.float64)])


def mel_power(samples: Samples) -> Array:
    """librosa's mel spectrogram, shape (frames, 40)."""
    import librosa  # noqa: PLC0415

    bands: Array = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=400, hop_length=160, n_mels=40).T
    return bands


def standardised(samples: Samples) -> Array:
    """The formula of Hugging Face's feature extractor for wav2vec 2.0, in double precision."""
    double = samples.astype(np.float64)
    scaled: Array = (double - double.mean()) / np.sqrt(double.var() + 1e-7)
    return scaled


@dataclass(frozen=True)
class Comparison:
    """`window_seconds` and `hop_seconds` are those of the speed; differences are over all the speech as one window."""

    family: str
    library: str
    reference: Callable[[Samples], Array]
    options: dict[str, Any] = field(default_factory=dict)
    window_seconds: float = 60.0
    hop_seconds: float = 60.0
    unit: str = ""


COMPARISONS = (
    Comparison(
        "kaldi-fbank80-hamming",
        "kaldi-native-fbank",
        lambda samples: kaldi_windows(samples, "hamming", 32768.0),
        unit="ln",
    ),
    Comparison(
        "kaldi-fbank80-povey", "kaldi-native-fbank", lambda samples: kaldi_windows(samples, "povey", 1.0), unit="ln"
    ),
    Comparison("nemo-logmel80", "librosa", nemo_bands, unit="deviations"),
    Comparison("ge2e-mel40", "librosa", mel_power, {}, 1.6, 0.77, unit="of the largest"),
    Comparison("mfcc-stats", "librosa", mfcc_statistics, unit="dB"),
    Comparison("waveform16k", "numpy", standardised, {"unit_variance": True}, unit="deviations"),
)


def windows_of(samples: Samples, family: str, framing: Framing, options: dict[str, Any]) -> list[Window]:
    """All windows of `samples`, handed over in blocks as in an extraction."""
    front_end = open_family(family, framing, options)()
    windows: list[Window] = []
    for start in range(0, len(samples), _BLOCK):
        windows += front_end.push(samples[start : start + _BLOCK])
    return [*windows, *front_end.finish()]


def whole(samples: Samples, comparison: Comparison) -> Array:
    """The front end's one window of all the samples, without padding."""
    # GE2E counts a frame more than the others, and pads shorter speech.
    seconds = (1 + len(samples) // 160) / 100
    ((features, *length),) = windows_of(samples, comparison.family, Framing(RATE, seconds, seconds), comparison.options)
    return features[:, : int(length[0])] if length else features


def differences(samples: Samples, comparison: Comparison) -> Array:
    """Absolute differences of every number; for powers, which span many orders, as a share of the largest."""
    ours, theirs = whole(samples, comparison), comparison.reference(samples)
    if ours.shape != theirs.shape:
        raise ValueError(f"{comparison.family} has shape {ours.shape}, {comparison.library} {theirs.shape}")
    scale = max(np.abs(theirs).max(), np.finfo(np.float32).tiny) if comparison.family == "ge2e-mel40" else 1.0
    return np.abs(ours - theirs) / scale


def signals(speech: Samples) -> dict[str, Samples]:
    """What the differences are taken of; `speech` has at least 5 s."""
    noise = np.random.default_rng(5).normal(0, 0.1, 5 * RATE + 37).astype(np.float32)
    return {
        "speech": speech,
        "quiet, -60 dB": speech * np.float32(1e-3),
        "loud, clipped": np.clip(speech * np.float32(30), -1, 1),
        "white noise": noise,
        "silence": np.zeros(RATE, np.float32),
        "half a second": speech[RATE : RATE + RATE // 2],
        "odd length": speech[:12_345],
    }


def main(
    recording: Annotated[Path, typer.Option(help="What is listened to, at least 5 s.")] = _DEMO,
    seconds: Annotated[float, typer.Option(help="To how much it is repeated for the speed.")] = 120.0,
    rounds: Annotated[int, typer.Option(min=5, help="Turns of each; the median counts.")] = 7,
) -> None:
    """Compare the front ends with their libraries."""
    opened = Recording(recording, MediaLimits())
    speech = np.concatenate(list(opened.samples(opened.selections("mix", None)[0], RATE)))
    long = np.resize(speech, round(seconds * RATE))
    with threadpool_limits(limits=1):
        typer.echo(f"{'front end':<24}{'signal':<16}{'largest':>10}{'mean':>10}  difference")
        for comparison in COMPARISONS:
            for signal, samples in (signals(speech) | {f"{seconds:g} s": long}).items():
                found = differences(samples, comparison)
                row = f"{comparison.family:<24}{signal:<16}{found.max():>10.1e}{found.mean():>10.1e}"
                typer.echo(f"{row}  {comparison.unit}")
        typer.echo(f"\n{'front end':<24}{'times real time':>16}  {'library':<20}{'times real time':>16}{'ratio':>8}")
        for comparison in COMPARISONS:
            ours, theirs = _speeds(long, comparison, rounds)
            row = f"{comparison.family:<24}{ours:>16,.0f}  {comparison.library:<20}{theirs:>16,.0f}"
            typer.echo(f"{row}{ours / theirs:>8.2f}")


def _speeds(samples: Samples, comparison: Comparison, rounds: int) -> tuple[float, float]:
    framing = Framing(RATE, comparison.window_seconds, comparison.hop_seconds)
    taken: tuple[list[float], list[float]] = [], []
    # The first turn warms up and does not count.
    for turn in range(rounds + 1):
        for times, work in (
            (taken[0], lambda: windows_of(samples, comparison.family, framing, comparison.options)),
            (taken[1], lambda: comparison.reference(samples)),
        ):
            start = time.process_time()
            work()
            if turn:
                times.append(time.process_time() - start)
    length = len(samples) / RATE
    return length / median(taken[0]), length / median(taken[1])


if __name__ == "__main__":
    typer.run(main)
