"""Work spread over threads."""

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from onnx_models.spreading import Spreading
from tests.patience import PATIENCE


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 7, 100])
def test_results_come_in_order(threads: int, count: int) -> None:
    """However many threads work, the results are those of a plain loop."""
    assert list(Spreading(threads).map(lambda item: item * item, range(count))) == [
        item * item for item in range(count)
    ]


def test_several_threads_help_and_the_caller_works() -> None:
    """Of much work every thread does some: each waits here until the others have begun."""
    met, by = threading.Barrier(3), set()

    def work(item: int) -> int:
        me = threading.get_ident()
        if item >= 8 and me not in by:
            by.add(me)
            met.wait(PATIENCE)
        return item

    assert list(Spreading(3).map(work, range(200))) == list(range(200))
    assert len(by) == 3
    assert threading.get_ident() in by


def test_little_work_stays_with_its_caller() -> None:
    """What is done in a few steps never waits for another thread."""
    by = set(Spreading(4).map(lambda _: threading.get_ident(), range(8)))
    assert by == {threading.get_ident()}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no niceness of their own")
def test_helpers_give_way() -> None:
    """Those who help are nicer than the caller, whose niceness stays."""

    def niceness(_: int) -> tuple[int, int]:
        return threading.get_ident(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own = niceness(0)
    found = set(Spreading(3).map(niceness, range(2000)))
    assert found - {own}
    assert {nice for _, nice in found - {own}} == {min(19, own[1] + 10)}
    assert niceness(0) == own


def test_a_fault_comes_in_its_place() -> None:
    """What came before a fault is handed over; the fault itself is the caller's."""

    def work(item: int) -> int:
        if item == 30:
            raise ZeroDivisionError
        return item

    results = Spreading(3).map(work, range(60))
    assert [next(results) for _ in range(30)] == list(range(30))
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_more_is_asked_for_than_can_be_worked_on() -> None:
    """However slowly results are taken, only so many items are held."""
    asked = 0

    def items() -> Iterator[int]:
        nonlocal asked
        for item in range(1000):
            asked += 1
            yield item

    results = Spreading(2).map(lambda item: item, items())
    next(results)
    assert asked <= 8
