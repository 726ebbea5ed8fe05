"""Windows of a stream."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from onnx_models.windows import Windows


def cut(rows: npt.NDArray[np.float32], length: int, hop: int, block: int) -> list[npt.NDArray[np.float32]]:
    windows = Windows(length, hop)

    def every() -> Iterator[npt.NDArray[np.float32]]:
        for start in range(0, len(rows), block):
            yield from windows.push(rows[start : start + block])
        yield from windows.finish()

    return list(every())


@pytest.mark.parametrize("total", [1, 9, 10, 11, 16, 17, 18, 100])
@pytest.mark.parametrize("hop", [1, 7, 10, 23])
@pytest.mark.parametrize("block", [1, 4, 10, 1000])
def test_rule(total: int, hop: int, block: int) -> None:
    """Windows start every hop, the last one ends with the stream, and a short stream is one window as it is."""
    rows = np.arange(2 * total, dtype=np.float32).reshape(total, 2)
    windows = cut(rows, 10, hop, block)
    starts = [*range(0, total - 10, hop), max(0, total - 10)]
    assert len(windows) == len(starts)
    for window, start in zip(windows, starts, strict=True):
        np.testing.assert_array_equal(window, rows[start : start + 10])


def test_nothing() -> None:
    """No rows, no window."""
    assert not cut(np.empty((0, 3), np.float32), 10, 5, 1)
    assert not list(Windows(10, 5).finish())


@pytest.mark.parametrize(("length", "hop"), [(0, 1), (1, 0), (-3, 2)])
def test_impossible(length: int, hop: int) -> None:
    """Windows and hops of less than a row are refused."""
    with pytest.raises(ValueError, match="too short"):
        Windows(length, hop)
