"""Whose turn it is."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info

from onnx_models.turn import Turn
from tests.patience import PATIENCE


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture
def side_by_side() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Does the same in five threads and waits for all."""
    with ThreadPoolExecutor(5) as pool:
        yield lambda work: [done.result(PATIENCE) for done in [pool.submit(work) for _ in range(5)]].clear()


@pytest.mark.parametrize("at_once", [1, 2])
def test_so_many_compute_at_a_time(side_by_side: Callable[[Callable[[], object]], None], at_once: int) -> None:
    """However many ask, as many as may have the turn, also while it is handed on and taken back."""
    turn, lock, within, most = Turn(), threading.Lock(), 0, 0
    turn.widen(at_once)

    def work() -> None:
        nonlocal within, most
        with turn.taken():
            for _ in turn.shared(turn.left_for(range(100))):
                with lock:
                    within += 1
                    most = max(most, within)
                with lock:
                    within -= 1

    side_by_side(work)
    assert within == 0
    assert 1 <= most <= at_once


def test_who_waits_lets_others_compute() -> None:
    """While an item is waited for, another thread has the turn; here it makes the item."""
    turn, wanted, made = Turn(), threading.Event(), threading.Event()

    def make() -> None:
        wanted.wait(PATIENCE)
        with turn.taken():
            made.set()

    def items() -> Iterator[bool]:
        wanted.set()
        yield made.wait(PATIENCE)

    with ThreadPoolExecutor(1) as pool, turn.taken():
        other = pool.submit(make)
        assert list(turn.left_for(items())) == [True]
        other.result(PATIENCE)


def test_a_fault_gives_the_turn_back() -> None:
    """Whatever is raised while an item is waited for, nobody waits for ever."""
    turn = Turn()

    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turn.taken():
            list(turn.left_for(items()))


def test_matrix_products_keep_to_one_thread(side_by_side: Callable[[Callable[[], object]], None]) -> None:
    """Once there is a turn, numpy multiplies in the thread that asks, whichever that is."""
    Turn()
    found = blas_threads()
    side_by_side(lambda: found.extend(blas_threads()))
    assert set(found) == {1}
