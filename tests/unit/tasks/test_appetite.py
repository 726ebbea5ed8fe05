"""What a worker takes beside what it has."""

import uuid

import pytest

from tasks.appetite import Appetite
from tasks.record import TaskRecord


def task(input_bytes: int = 100_000, *, crashes: int = 0, technology: str = "some") -> TaskRecord:
    return TaskRecord(str(uuid.uuid4()), technology, 1, input_bytes=input_bytes, crashes=crashes)


SHORT, LARGE = 100_000, 100_000_000


def test_as_many_as_there_are_places() -> None:
    """Of what nobody knows how long it takes, and of what takes long, a worker has as many as it has places."""
    waiting = [task() for _ in range(5)]
    appetite = Appetite(2)
    assert appetite.chosen(waiting, []) == waiting[:2]
    assert appetite.chosen(waiting, [task()]) == waiting[:1]
    assert appetite.left([task(), task()]) == 0
    appetite.measured("some", 0.5)
    assert appetite.chosen(waiting, []) == waiting[:2]
    assert Appetite(1).chosen(waiting, []) == waiting[:1]


def test_many_that_take_no_time() -> None:
    """Of what is done in no time it takes as many as ever, and of what takes longer fewer; one place stays one."""
    waiting = [task(technology="quick") for _ in range(50)]
    appetite = Appetite(2)
    appetite.measured("quick", 0.0001)
    assert appetite.chosen(waiting, []) == waiting[: appetite.most]
    assert appetite.left(waiting[: appetite.most]) == 0
    slower = Appetite(2)
    slower.measured("quick", 0.004)
    assert 2 < len(slower.chosen(waiting, [])) < appetite.most
    one = Appetite(1)
    one.measured("quick", 0.0001)
    assert one.chosen(waiting, []) == waiting[:1]


def test_the_last_measured_counts_most() -> None:
    """What was once slow is taken many at a time when it has become quick."""
    appetite, waiting = Appetite(2), [task() for _ in range(20)]
    appetite.measured("some", 10.0)
    assert len(appetite.chosen(waiting, [])) == 2
    for _ in range(100):
        appetite.measured("some", 0.0001)
    assert appetite.chosen(waiting, []) == waiting


def test_who_may_have_killed_a_worker_is_alone() -> None:
    """A task under which a worker died is taken by a worker that has nothing else, and nothing beside it; others do
    not pass it."""
    suspect, other = task(crashes=1), task()
    appetite = Appetite(2)
    assert appetite.chosen([suspect, other], []) == [suspect]
    assert appetite.left([suspect]) == 0
    assert appetite.chosen([suspect, other], [task()]) == []
    assert appetite.chosen([other, suspect], []) == [other]


@pytest.mark.parametrize(("under_way", "waiting", "taken"), [
    ([], [LARGE, SHORT], [LARGE, SHORT]),
    ([LARGE], [SHORT], [SHORT]),
    ([LARGE], [LARGE, SHORT], [SHORT]),
    ([SHORT], [LARGE, SHORT], []),
    ([SHORT], [SHORT, LARGE], [SHORT]),
], ids=str)  # fmt: skip
def test_large_ones_begin_first(under_way: list[int], waiting: list[int], taken: list[int]) -> None:
    """Short ones join a large one, also past another that waits; a large one joins nobody, and short ones make way for
    it where it could begin."""
    chosen = Appetite(2).chosen([task(size) for size in waiting], [task(size) for size in under_way])
    assert [record.input_bytes for record in chosen] == taken


def test_what_could_be_taken_is_what_is_asked_for() -> None:
    """A worker asks for as many as it could take of the quickest that it knows: of what takes long, for its places."""
    appetite = Appetite(2)
    assert appetite.left([]) == 2
    appetite.measured("some", 0.015)
    assert (appetite.left([]), appetite.left([task()])) == (2, 1)
    appetite.measured("quick", 0.001)
    assert 2 < appetite.left([task()]) < appetite.most - 1
    assert appetite.left([task(), task()]) == 0
