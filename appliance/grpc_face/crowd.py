"""How many calls may be under way at one time."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.grpc_face.around import Context
from schemas.errors import Overloaded

# Each may hold the largest message while it waits for its task.
MOST_CALLS = 256
# Health and reflection: asked often, open for as long as the asker likes, and no work.
_ABOUT_THE_SERVER = "/grpc."


def works(method: str) -> bool:
    """Whether a method does the appliance's work, and is not a question about the server itself."""
    return not method.startswith(_ABOUT_THE_SERVER)


class Crowd:
    """Calls under way: those that work together, questions about the server by their method. So whoever watches our
    health, for which no key is needed, takes the place of no call that works, and of no probe."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()

    @asynccontextmanager
    async def admitted(self, method: str, _: Context) -> AsyncIterator[None]:
        """Around one call. Raises Overloaded when too many of its kind are under way."""
        kind = "work" if works(method) else method
        if self._inside[kind] >= MOST_CALLS:
            raise Overloaded(f"{MOST_CALLS} calls are under way already", headers={"Retry-After": "1"})
        self._inside[kind] += 1
        try:
            yield
        finally:
            self._inside[kind] -= 1
