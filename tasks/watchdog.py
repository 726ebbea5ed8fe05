"""What ends a process of which a part hangs, even in native code that lets no other thread run.

Python's own watchdog, `faulthandler`, knows one moment for a whole process: it is set to the earliest of all that are
watched here.
"""

import faulthandler
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# To set it costs 50 µs: what begins within this share of the time that it may take ends at the same moment.
_GRAIN = 0.01

_lock = threading.Lock()
_deadlines: dict[object, float] = {}
_set_to: float | None = None


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Ends the process when the context takes longer; any number of threads may be in one each.

    Standard error then has the place where every thread was. To the tasks of a worker it is the death of that worker.
    """
    key, grain = object(), seconds * _GRAIN
    with _lock:
        _deadlines[key] = math.ceil((time.monotonic() + seconds) / grain) * grain
        _watch()
    try:
        yield
    finally:
        with _lock:
            del _deadlines[key]
            _watch()


def _watch() -> None:
    global _set_to  # noqa: PLW0603  # as faulthandler's own, it is one for the process
    earliest = min(_deadlines.values(), default=None)
    if earliest == _set_to:
        return
    _set_to = earliest
    if earliest is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        # What is overdue by now ends all the same, in the next moment.
        faulthandler.dump_traceback_later(max(earliest - time.monotonic(), 0.001), exit=True)
