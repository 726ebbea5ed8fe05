"""What holds for every front end."""

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.front_ends import windows_of
from onnx_models.families import Framing, Window, families, open_family
from schemas.errors import ConfigurationError

# GE2E has no options of its own but this one, which every card gives.
OPTIONS: dict[str, dict[str, Any]] = {"ge2e-mel40": {"level_dbfs": -27.0}}
# GE2E waits for the end, since its gain is of the whole speech; its frames are small.
STREAMING = sorted(set(families()) - {"ge2e-mel40"})
FRAMING = Framing(16_000, 3.0, 1.5)
Samples = npt.NDArray[np.float32]


def windows(samples: Samples, family: str, framing: Framing = FRAMING, block: int = 4000) -> list[Window]:
    front_end = open_family(family, framing, OPTIONS.get(family, {}))()
    pushed = [
        window for start in range(0, len(samples), block) for window in front_end.push(samples[start : start + block])
    ]
    return [*pushed, *front_end.finish()]


def speech(seconds: float, rate: int = 16_000) -> Samples:
    return np.random.default_rng(4).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize("family", families())
@pytest.mark.parametrize("block", [1, 159, 512, 40_960, 1_000_000])
def test_blocks_do_not_matter(family: str, block: int) -> None:
    """The windows are the same bits however the speech was cut into blocks."""
    samples = speech(0.6 if block == 1 else 20.01)
    given, once = windows(samples, family, block=block), windows(samples, family)
    assert len(given) == len(once)
    for window, expected in zip(given, once, strict=True):
        for values, others in zip(window, expected, strict=True):
            np.testing.assert_array_equal(values, others)


@pytest.mark.parametrize("family", families())
@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000])
@pytest.mark.parametrize("seconds", [1 / 16_000, 0.01, 0.1, 0.256, 0.5, 1.0, 3.0, 3.02, 7.5])
def test_any_length_at_any_rate(family: str, rate: int, seconds: float) -> None:
    """The shortest speech gives a window too, and every window holds finite float32 and int64 only."""
    made = windows(speech(seconds, rate), family, Framing(rate, 3.0, 1.5))
    assert made
    for window in made:
        assert window[0].dtype == np.float32
        assert all(values.dtype == np.int64 for values in window[1:])
        assert all(np.isfinite(values).all() for values in window)
        assert window[0].size >= 80


@pytest.mark.parametrize("family", families())
def test_silence_is_finite(family: str) -> None:
    """Digital silence is divided by nothing and has a logarithm."""
    for window in windows(np.zeros(80_000, np.float32), family):
        assert all(np.isfinite(values).all() for values in window)


@pytest.mark.parametrize("family", families())
def test_no_speech_no_window(family: str) -> None:
    """Without a sample there is nothing to look at."""
    assert not windows(np.empty(0, np.float32), family)


@pytest.mark.parametrize("family", STREAMING)
def test_memory_does_not_grow(family: str) -> None:
    """Four minutes need hardly more memory than one: windows leave as they are complete."""
    block = speech(16)

    def peak(blocks: int) -> int:
        front_end = open_family(family, Framing(16_000, 10.0, 5.0), {})()
        tracemalloc.start()
        try:
            for _ in range(blocks):
                for window in front_end.push(block):
                    assert len(window)
            for window in front_end.finish():
                assert len(window)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = peak(4), peak(16)
    # Three minutes of cepstra alone would be 3 MB, of frames 6 MB.
    assert long <= short + 2_000_000
    assert short <= 8_000_000


@pytest.mark.parametrize("family", STREAMING)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"minimum_seconds": "0.5"}, "must be a number"),
        ({"minimum_seconds": 0.001}, "must be from 0.025 to 1"),
        ({"minimum_seconds": 3}, "must be from 0.025 to 1"),
        ({"bands": 40}, "bands"),
        ({"taper": "hann"}, "taper"),
    ],
)
def test_options_are_checked(family: str, options: dict[str, Any], said: str) -> None:
    """Options that a family does not have, or values that make no sense, are refused when the model is opened."""
    with pytest.raises(ConfigurationError, match=said):
        open_family(family, FRAMING, options)


@pytest.mark.parametrize("family", sorted({*STREAMING} - {"mfcc-stats"}))
@pytest.mark.parametrize(("window", "hop"), [(0.0, 1.0), (1.0, 0.0)])
def test_impossible_framing(family: str, window: float, hop: float) -> None:
    """A window or a hop of nothing is refused."""
    with pytest.raises(ConfigurationError, match="too short"):
        open_family(family, Framing(16_000, window, hop), {})


@pytest.mark.parametrize("family", sorted({*STREAMING} - {"mfcc-stats"}))
def test_short_speech_is_repeated(family: str) -> None:
    """A tenth of a second makes the window of that tenth five times over."""
    tenth = speech(0.1)
    (given,), (repeated,) = windows(tenth, family), windows(np.tile(tenth, 5), family)
    assert given[0].shape == repeated[0].shape
    if family != "nemo-logmel80":  # which emphasises before it repeats: the seams differ
        np.testing.assert_array_equal(given[0], repeated[0])


@pytest.mark.parametrize("family", ["kaldi-fbank80-hamming", "kaldi-fbank80-povey"])
def test_kaldi_windows_have_no_mean(family: str) -> None:
    """Each window of the filter bank has mean 0 in every band, and is (300, 80) but for the speech that is shorter."""
    made = windows(speech(8), family)
    assert [window[0].shape for window in made] == [(300, 80)] * 5
    assert max(np.abs(window[0].mean(axis=0)).max() for window in made) <= 1e-5
    ((short,),) = windows(speech(2), family)
    assert short.shape == (198, 80)


@pytest.mark.parametrize("framing", [Framing(16_000, 3.0, 1.5), Framing(16_000, 60.0, 60.0)])
def test_cepstral_statistics_are_of_everything(framing: Framing) -> None:
    """However the card frames, one vector stands for all the speech."""
    ((vector,),) = windows_of(speech(8), "mfcc-stats", framing, {})
    assert vector.shape == (80,)
    np.testing.assert_array_equal(vector, windows(speech(8), "mfcc-stats")[0][0])
