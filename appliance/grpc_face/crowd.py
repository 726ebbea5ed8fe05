"""How many calls may be under way at one time."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.grpc_face.around import Context
from appliance.grpc_face.callers import visitor
from schemas.errors import Overloaded

# Each may hold the largest message while it waits for its task.
MOST_CALLS = 512
# More than one connection carries, so that a gateway which speaks for many is one caller without harm.
MOST_CALLS_OF_ONE = MOST_CALLS // 4
# Health and reflection: asked often, open for as long as the asker likes, and no work.
_ABOUT_THE_SERVER = "/grpc."


def works(method: str) -> bool:
    """Whether a method does the appliance's work, and is not a question about the server itself."""
    return not method.startswith(_ABOUT_THE_SERVER)


class Crowd:
    """Calls under way: those that work together, questions about the server by their method. So whoever watches our
    health, for which no key is needed, takes the place of no call that works, and of no probe.

    A caller is who holds an API key, and else who calls from an address.
    """

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()
        self._of_one: Counter[tuple[str, tuple[str, str]]] = Counter()

    @asynccontextmanager
    async def admitted(self, method: str, context: Context) -> AsyncIterator[None]:
        """Around one call. Raises Overloaded when too many of its kind are under way, or too many of its caller's."""
        kind = "work" if works(method) else method
        one = kind, _caller(method, context)
        if self._inside[kind] >= MOST_CALLS:
            raise Overloaded(f"{MOST_CALLS} calls are under way already", headers={"Retry-After": "1"})
        if self._of_one[one] >= MOST_CALLS_OF_ONE:
            raise Overloaded(
                f"{MOST_CALLS_OF_ONE} calls of this caller are under way already", headers={"Retry-After": "1"}
            )
        self._inside[kind] += 1
        self._of_one[one] += 1
        try:
            yield
        finally:
            self._inside[kind] -= 1
            self._of_one[one] -= 1
            if not self._of_one[one]:
                del self._of_one[one]


def _caller(method: str, context: Context) -> tuple[str, str]:
    who = visitor(context)
    # Questions are told apart by where they come from: for some of them no key is asked for.
    return (who.key_id, "") if who.key_id and works(method) else ("", who.address)
