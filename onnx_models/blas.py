"""numpy's matrix products on one thread, whoever asks and however many at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# Only a library that is loaded by then is found.
import numpy as np  # noqa: F401
from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
# Who is in the block at this time; the first sets the limit for the whole process and the last one takes it back.
_within: list[Any] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block, products are made by the thread that asks for them, and their bits do not depend on others.

    The front ends' products are small: more threads would only spin on the cores of other workers.
    """
    with _lock:
        _within.append(_libraries().limit(limits=1, user_api="blas") if not _within else None)
    try:
        yield
    finally:
        with _lock:
            if len(_within) == 1:
                _within[0].restore_original_limits()
                _within.clear()
            else:
                _within.pop()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
