"""Batches that recordings share, as on a GPU. The CPU runs the same code here."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from onnx_models import registry
from onnx_models.batcher import Batch, Processor, Vectors, batches
from onnx_models.gathering import Gathering
from onnx_models.session import OnnxSession, open_session
from onnx_models.spreading import Spreading
from tests.patience import PATIENCE
from tests.unit.onnx_models import small_graphs

# Longer than any test takes: what is run before is a full batch.
NEVER = 1e6


@pytest.fixture(scope="module")
def sums() -> OnnxSession:
    return open_session(small_graphs.sums().SerializeToString(), "cpu")


def gathered(gathering: Gathering, windows: list[npt.NDArray[np.float32]], size: int = 64) -> Vectors:
    return np.concatenate(list(gathering.vectors(batches([(window,) for window in windows], size))))


def side_by_side(gathering: Gathering, recordings: list[list[npt.NDArray[np.float32]]]) -> list[Vectors]:
    """Of every recording, all of which ask at the same time."""
    begin = threading.Barrier(len(recordings))

    def ask(windows: list[npt.NDArray[np.float32]]) -> Vectors:
        begin.wait(PATIENCE)
        return gathered(gathering, windows)

    with ThreadPoolExecutor(len(recordings)) as pool:
        return list(pool.map(ask, recordings))


def test_everybody_gets_the_own_vectors(sums: OnnxSession) -> None:
    """However windows of several recordings and shapes fall together, each has its vector in its place."""
    generator = np.random.default_rng(1)
    recordings = [
        [np.full(length, 1000 * number + place, np.float32) for place in range(generator.integers(1, 40))]
        for number, length in enumerate([3, 3, 5, 3, 5, 7, 9, 2, 3, 4])
    ]
    gathering = Gathering(sums, "sum", 16)
    for _ in range(5):
        for windows, vectors in zip(recordings, side_by_side(gathering, recordings), strict=True):
            assert vectors[:, 0].tolist() == [float(window.sum()) for window in windows]
    gathering.close()


def test_a_full_batch_is_run_at_once(sums: OnnxSession) -> None:
    """Eight recordings with two windows each fill a batch of sixteen: nobody waits for the deadline."""
    gathering = Gathering(sums, "sum", 16, deadline=NEVER)
    recordings = [[np.full(3, number, np.float32)] * 2 for number in range(8)]
    found = side_by_side(gathering, recordings)
    assert [vectors[:, 0].tolist() for vectors in found] == [[3.0 * number] * 2 for number in range(8)]
    gathering.close()


def test_nobody_waits_for_ever(sums: OnnxSession) -> None:
    """A window that stays alone is run at its deadline."""
    gathering = Gathering(sums, "sum", 16, deadline=0.005)
    assert gathered(gathering, [np.ones(3, np.float32)]).tolist() == [[3.0]]
    gathering.close()


def test_a_fault_is_told_to_all_it_concerns(sums: OnnxSession) -> None:
    """What the network cannot run is raised by everybody who asked for it, and the next are served."""
    gathering = Gathering(sums, "sum", 2, deadline=NEVER)
    wrong: Batch = [(np.ones((2, 2), np.float32),)] * 2
    for _ in range(2):
        with pytest.raises(Exception, match="Invalid rank"):
            list(gathering.vectors([wrong]))
    assert gathered(gathering, [np.ones(3, np.float32)] * 2).tolist() == [[3.0]] * 2
    gathering.close()


@pytest.fixture(scope="module")
def windows() -> list[list[npt.NDArray[np.float32]]]:
    """Windows of ten recordings as the default model takes them."""
    generator = np.random.default_rng(2)
    falling = np.geomspace(1.0, 1e-3, 40)
    counts = generator.integers(1, 14, 10)
    return [list((generator.gamma(0.5, 1.0, (n, 160, 40)) * falling).astype(np.float32)) for n in counts]


@pytest.fixture(scope="module")
def network(models_dir: Path) -> OnnxSession:
    return open_session(registry.card("ge2e").path(models_dir), "cpu")


def test_sharing_changes_no_vector(network: OnnxSession, windows: list[list[npt.NDArray[np.float32]]]) -> None:
    """Of the default model, vectors from shared batches are those of one recording alone, to a cosine of 0.99999 and
    1e-6 in each value."""
    alone = [
        np.concatenate(list(Processor(network, 0, Spreading(1)).vectors(batches([(w,) for w in recording], 6))))
        for recording in windows
    ]
    gathering = Gathering(network, 0, 64)
    for shared, own in zip(side_by_side(gathering, windows), alone, strict=True):
        assert (shared * own).sum(axis=1).min() >= 0.99999
        np.testing.assert_allclose(shared, own, atol=1e-6)
    gathering.close()


def test_callers_wait_as_they_are_told(sums: OnnxSession) -> None:
    """A caller waits in the context that it has given, and in no other moment: there it lets others compute."""
    waiting = threading.Lock()

    @contextmanager
    def told() -> Iterator[None]:
        with waiting:
            yield

    gathering = Gathering(sums, "sum", 4, waiting=told)
    for vectors in gathering.vectors(batches([(np.ones(3, np.float32),)] * 40, 4)):
        assert not waiting.locked()
        assert vectors.tolist() == [[3.0]] * 4
    gathering.close()
