"""Names to addresses, for names that strangers choose: bounded in time and number, and nobody waits for what hangs."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

from schemas.errors import Overloaded

# Finds the addresses of a host and port, in the system's order of preference; raises OSError or UnicodeError.
Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]

SECONDS = 5.0
# A look-up cannot be cancelled, and a name server that never answers holds its thread for half a minute.
_SLOTS = threading.BoundedSemaphore(16)


async def resolved(host: str, port: int) -> tuple[str, ...]:
    """The addresses by the system's resolver, within `SECONDS`. Raises OSError, TimeoutError, UnicodeError, and
    Overloaded when too many names are being looked up already."""
    if not _SLOTS.acquire(blocking=False):
        raise Overloaded("too many host names are being looked up; try again", headers={"Retry-After": "5"})
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(found: tuple[str, ...] | Exception) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look_up() -> None:
        try:
            found: tuple[str, ...] | Exception = _looked_up(host, port)
        except (OSError, UnicodeError) as error:
            found = error
        finally:
            _SLOTS.release()
        # The loop may be gone by now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, found)

    # Not of the pool that asyncio has: that serves the disk, and a process waits for it at its end.
    threading.Thread(target=look_up, name="resolving", daemon=True).start()
    async with asyncio.timeout(SECONDS):
        return await answer


def _looked_up(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
