"""How many connections there may be at one time, and which one goes when there is one too many."""

import resource
from collections.abc import Callable
from typing import Protocol

# An idle one costs some 8 kB.
MOST_CONNECTIONS = 4096
# So that nobody keeps all others out alone; a quarter is more than a gateway needs that speaks for many.
SHARES = 4
# An upload has a file beside its connection. The others are Redis's, the store's, the log's.
_FILES_OF_ONE, _OTHER_FILES = 2, 256


class Visitor(Protocol):
    """A connection, as far as the crowd is concerned."""

    @property
    def at_work(self) -> bool:
        """Whether a request of it is being answered."""

    def drop(self) -> None:
        """Closes it at once."""


class Crowd:
    """The open connections: at most `most`, and of one peer a quarter of that. `peer_of` tells peers apart by their
    addresses, and is empty for those who speak for others.

    A client whose request is being answered keeps its place; one that says nothing, or not enough, makes room for the
    next, whoever was heard least recently first. So connections that only stand there, however many, neither use up the
    files of this process nor keep out anybody who says what he wants.
    """

    def __init__(self, most: int, peer_of: Callable[[str], bytes]) -> None:
        self._most, self._most_of_one = most, max(1, most // SHARES)
        self._peer_of = peer_of
        # In the order in which they were last heard.
        self._inside: dict[Visitor, bytes] = {}
        self._of_one: dict[bytes, dict[Visitor, bytes]] = {}

    def admit(self, visitor: Visitor, address: str) -> bool:
        """Takes the visitor in, if need be in the place of another. False when all places are at work."""
        peer = self._peer_of(address)
        own = self._of_one.get(peer, {}) if peer else {}
        many = len(own) >= self._most_of_one
        if many or len(self._inside) >= self._most:
            idle = next((one for one in (own if many else self._inside) if not one.at_work), None)
            if idle is None:
                return False
            self.leave(idle)
            idle.drop()
        self._inside[visitor] = self._of_one.setdefault(peer, {})[visitor] = peer
        return True

    def heard(self, visitor: Visitor) -> None:
        """The visitor has been answered: of those who wait, it is the last to go."""
        if visitor in self._inside:
            peer = self._inside[visitor] = self._inside.pop(visitor)
            self._of_one[peer][visitor] = self._of_one[peer].pop(visitor)

    def leave(self, visitor: Visitor) -> None:
        """The visitor is gone; may be told more than once, and of one that was not let in."""
        peer = self._inside.pop(visitor, None)
        if peer is not None:
            del self._of_one[peer][visitor]
            if not self._of_one[peer]:
                del self._of_one[peer]


def most_connections() -> int:
    """MOST_CONNECTIONS, or as many as the files suffice for that this process may open; it asks for all that it may
    have."""
    wanted = MOST_CONNECTIONS * _FILES_OF_ONE + _OTHER_FILES
    allowed, ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if ceiling == resource.RLIM_INFINITY else min(ceiling, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, ceiling))
    if allowed == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, (allowed - _OTHER_FILES) // _FILES_OF_ONE))
