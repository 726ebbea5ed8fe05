"""Modules are loaded without the garbage collector, which would find nothing in them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """What is imported meanwhile stays as long as the process. The collector would go through it again and again while
    it grows, which is a third of an import's processor time; it waits, and leaves alone for good what is there then."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
