"""What the lines of a log are about: ids of the request, the task and the trace that is worked on meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_IDS: ContextVar[dict[str, str] | None] = ContextVar("ids", default=None)


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """What is told in the context is about these as well; an empty one is none. A thread begins with none."""
    before = _IDS.get()
    _IDS.set((before or {}) | {name: value for name, value in ids.items() if value})
    try:
        yield
    finally:
        _IDS.set(before)


def begin(ids: dict[str, str]) -> None:
    """What is told from here on in this context, to its end, is about these and nothing else."""
    _IDS.set(ids)


def note(**ids: str) -> None:
    """From now on, to the end of the innermost `about` or of the context that began, it is about these as well."""
    if (known := _IDS.get()) is not None:
        known.update({name: value for name, value in ids.items() if value})


def ids() -> Mapping[str, str]:
    """What it is about now."""
    return _IDS.get() or {}
