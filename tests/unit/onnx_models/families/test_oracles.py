"""Every front end against a library that shares no code with it."""

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.front_ends import COMPARISONS, Comparison, differences, signals, windows_of
from onnx_models.families import Framing, families
from onnx_models.media import MediaLimits, Recording
from tests.recordings.golden import HERE

RATE = 16_000
Samples = npt.NDArray[np.float32]

# The largest and the mean difference of any signal below. Kaldi's bands are natural logarithms, NeMo's and the
# waveform deviations, cepstra dB, GE2E's power a share of the largest. All of it is rounding: the libraries compute in
# single precision, where bands of a clipped or a very quiet signal cancel.
TOLERANCES = {
    "kaldi-fbank80-hamming": (0.03, 2e-5),
    "kaldi-fbank80-povey": (0.03, 2e-5),
    "nemo-logmel80": (2e-3, 2e-6),
    "ge2e-mel40": (1e-6, 1e-7),
    "mfcc-stats": (5e-4, 1e-5),
    "waveform16k": (2e-6, 1e-7),
}


@pytest.fixture(scope="module")
def speech() -> Samples:
    """The demo recording."""
    recording = Recording(HERE / "demo.flac", MediaLimits())
    return np.concatenate(list(recording.samples((0,), RATE)))


def test_every_family_has_an_oracle() -> None:
    """No front end is left out."""
    assert {comparison.family for comparison in COMPARISONS} == set(families()) == set(TOLERANCES)


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda comparison: str(comparison.family))
@pytest.mark.parametrize(
    "signal",
    [
        "speech",
        "quiet, -60 dB",
        "loud, clipped",
        "white noise",
        "silence",
        "half a second",
        "odd length",
        "two minutes",
    ],
)
def test_same_numbers(comparison: Comparison, signal: str, speech: Samples) -> None:
    """The front end's numbers are the library's, within the tolerance of the family."""
    samples = np.resize(speech, 120 * RATE) if signal == "two minutes" else signals(speech)[signal]
    found = differences(samples, comparison)
    largest, mean = TOLERANCES[comparison.family]
    assert found.max() <= largest
    assert found.mean() <= mean


def test_nemo_of_kaldi_native_fbank(speech: Samples) -> None:
    """A second, independent version of NeMo's bands: as many frames, equal to 0.001 before they are normalised."""
    import kaldi_native_fbank

    bank = kaldi_native_fbank.OnlineNemoFbank(kaldi_native_fbank.NemoFbankOptions())
    bank.accept_waveform(RATE, speech)
    bank.input_finished()
    frames, _ = bank.get_frames(0, bank.num_frames_ready, True)
    ((ours, count),) = windows_of(speech, "nemo-logmel80", Framing(RATE, 60, 60), {})
    theirs = frames.astype(np.float64)
    theirs = (theirs - theirs.mean(axis=0)) / (theirs.std(axis=0, ddof=1) + 1e-5)
    assert int(count) == len(theirs)
    np.testing.assert_allclose(ours[:, : len(theirs)].T, theirs, atol=0.001)
