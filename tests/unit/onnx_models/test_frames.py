"""Frames of a signal."""

import numpy as np
import numpy.typing as npt
import pytest

from onnx_models.frames import GROUP, Framer, frames_in, minimum_samples

LENGTH, STEP = 25, 10
SPAN = LENGTH + (GROUP - 1) * STEP
Samples = npt.NDArray[np.float32]


def framed(samples: Samples, block: int, **surroundings: int) -> list[Samples]:
    framer = Framer(LENGTH, STEP, **surroundings)
    groups = [group for start in range(0, len(samples), block) for group in framer.push(samples[start : start + block])]
    return [*groups, *framer.finish()]


@pytest.mark.parametrize("total", [25, 34, 35, SPAN - 1, SPAN, SPAN + 1, 3 * SPAN])
@pytest.mark.parametrize("block", [7, 1000, 10_000])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (12, 12), (12, 2)])
def test_frames(total: int, block: int, before: int, after: int) -> None:
    """Frames lie one step apart within the signal and the zeros around it, in groups of one size but the last."""
    samples = np.arange(1, total + 1, dtype=np.float32)
    padded = np.pad(samples, (before, after))
    groups = framed(samples, block, before=before, after=after)
    expected = [padded[start : start + LENGTH] for start in range(0, len(padded) - LENGTH + 1, STEP)]
    np.testing.assert_array_equal(np.concatenate(groups), expected)
    assert all(len(group) == GROUP for group in groups[:-1])


@pytest.mark.parametrize("total", [1, 25, 99])
def test_short_signal_is_repeated(total: int) -> None:
    """A signal shorter than the minimum comes again and again until it is as long."""
    samples = np.arange(1, total + 1, dtype=np.float32)
    np.testing.assert_array_equal(
        np.concatenate(framed(samples, 10, before=5, after=5, minimum=100)),
        np.concatenate(framed(np.resize(samples, 100), 10, before=5, after=5)),
    )


def test_no_signal() -> None:
    """Without a sample there is no frame, whatever surrounds it."""
    assert not framed(np.empty(0, np.float32), 10, before=50, after=50, minimum=100)


def test_too_long_a_minimum() -> None:
    """More than a group of frames spans cannot be repeated, and is refused."""
    with pytest.raises(ValueError, match=f"at most {SPAN} samples"):
        Framer(LENGTH, STEP, minimum=SPAN + 1)


def test_frames_in() -> None:
    """A hundred frames are a second."""
    assert (frames_in(1.6), frames_in(0.77)) == (160, 77)


@pytest.mark.parametrize(
    ("asked", "error"), [("0.5", TypeError), (True, TypeError), (0.01, ValueError), (2, ValueError)]
)
def test_minimum_is_checked(asked: object, error: type[Exception]) -> None:
    """The minimum is a number of seconds from a frame to a second."""
    with pytest.raises(error, match="minimum_seconds must be"):
        minimum_samples(asked, 16_000)
