"""Who has to go when there are more connections than places."""

import resource
from dataclasses import dataclass

import pytest

from appliance.port import crowd
from appliance.port.crowd import Crowd


@dataclass(eq=False)
class Visitor:
    at_work: bool = False
    dropped: bool = False

    def drop(self) -> None:
        self.dropped = True


def entered(inside: Crowd, count: int, address: str, *, at_work: bool = False) -> list[Visitor]:
    visitors = [Visitor(at_work) for _ in range(count)]
    assert all(inside.admit(visitor, address) for visitor in visitors)
    return visitors


@pytest.fixture
def inside() -> Crowd:
    """Room for eight, and for two of one address; the proxy speaks for many."""
    return Crowd(8, lambda address: b"" if address == "proxy" else address.encode())


def test_of_one_address_whoever_has_waited_longest_goes(inside: Crowd) -> None:
    """And nobody of another."""
    (other,) = entered(inside, 1, "b")
    first, second = entered(inside, 2, "a")
    entered(inside, 1, "a")
    assert (first.dropped, second.dropped, other.dropped) == (True, False, False)


def test_who_was_answered_is_the_last_to_go(inside: Crowd) -> None:
    """Waiting begins anew with every answer."""
    first, second = entered(inside, 2, "a")
    inside.heard(first)
    entered(inside, 1, "a")
    assert (first.dropped, second.dropped) == (False, True)


def test_whoever_is_at_work_stays(inside: Crowd) -> None:
    """With all places of an address at work it gets no more, while others get in."""
    busy = entered(inside, 2, "a", at_work=True)
    late = Visitor()
    assert not inside.admit(late, "a")
    entered(inside, 2, "b")
    assert not any(visitor.dropped for visitor in (*busy, late))
    inside.leave(late)
    inside.leave(busy[0])
    assert inside.admit(late, "a")


def test_all_places_taken(inside: Crowd) -> None:
    """The one that has waited longest of all goes; when none waits, the next is refused."""
    first, *_ = (visitor for name in "abcd" for visitor in entered(inside, 2, name))
    entered(inside, 1, "e")
    assert first.dropped
    full = Crowd(8, str.encode)
    for name in "abcd":
        entered(full, 2, name, at_work=True)
    assert not full.admit(Visitor(), "e")


def test_who_speaks_for_many_may_have_all_places(inside: Crowd) -> None:
    """A configured proxy is not one client."""
    visitors = entered(inside, 8, "proxy")
    assert not any(visitor.dropped for visitor in visitors)


def test_whoever_leaves_makes_room(inside: Crowd) -> None:
    """Also when it is told twice."""
    first, second = entered(inside, 2, "a")
    inside.leave(first)
    inside.leave(first)
    entered(inside, 1, "a")
    assert not second.dropped


def test_there_are_files_for_all() -> None:
    """The process asks for as many as it may have, and takes fewer connections where these do not suffice."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
        most = crowd.most_connections()
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert 1 <= most <= crowd.MOST_CONNECTIONS
        assert 2 * most + 256 <= allowed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
