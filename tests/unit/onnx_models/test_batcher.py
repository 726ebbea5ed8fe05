"""Windows in batches."""

import numpy as np
import pytest

from onnx_models.batcher import Processor, batches
from onnx_models.session import Session, open_session
from onnx_models.spreading import Spreading
from tests.unit.onnx_models import small_graphs


@pytest.fixture(scope="module")
def sums() -> Session:
    """A graph whose `sum` is the sum of `x` over its second axis."""
    return open_session(small_graphs.sums().SerializeToString(), "cpu")


def test_batches_keep_order_and_size() -> None:
    """Every window is in its place, in batches no larger than asked."""
    windows = [(np.full(3, number, np.float32),) for number in range(10)]
    found = list(batches(windows, 4))
    assert [len(batch) for batch in found] == [4, 4, 2]
    assert [window[0][0] for batch in found for window in batch] == list(range(10))


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, []),
        (1, [1]),
        (6, [6]),
        (7, [3, 4]),
        (13, [4, 4, 5]),
        (18, [6, 6, 6]),
        (19, [6, 4, 4, 5]),
        (31, [6] * 3 + [4, 4, 5]),
    ],
)
def test_the_last_batches_are_even(count: int, sizes: list[int]) -> None:
    """Where it is wanted, nothing is left to be a small batch, and a long recording has full ones before the last."""
    windows = [(np.full(3, number, np.float32),) for number in range(count)]
    found = list(batches(windows, 6, even=True))
    assert [len(batch) for batch in found] == sizes
    assert [window[0][0] for batch in found for window in batch] == list(range(count))


def test_only_equal_shapes_share_a_batch() -> None:
    """Windows of different lengths are never padded to go together."""
    windows = [(np.ones(length, np.float32),) for length in (3, 3, 2, 3)]
    assert [[len(window[0]) for window in batch] for batch in batches(windows, 4)] == [[3, 3], [2], [3]]


def test_no_windows_no_batches() -> None:
    """Nothing in, nothing out."""
    assert list(batches([], 4)) == []


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("output", [0, "sum"])
def test_every_window_has_its_vector(sums: Session, threads: int, output: int | str) -> None:
    """The network's output, by name or position, comes in the order of the windows, by one thread or several."""
    windows = [(np.full(3, number, np.float32),) for number in range(50)]
    found = list(Processor(sums, output, Spreading(threads)).vectors(batches(windows, 4)))
    assert [len(vectors) for vectors in found] == [4] * 12 + [2]
    assert np.concatenate(found)[:, 0].tolist() == [3 * number for number in range(50)]
