"""One recording's windows through a network in batches.

A batch never holds windows of two recordings, and where it ends depends on nothing but the windows before it. So a
voiceprint is the same bits every time, also of a network that looks at its whole batch, as those of 8 bits do.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from onnx_models.families import Window
from onnx_models.session import Session
from onnx_models.spreading import Spreading

Vectors = npt.NDArray[np.float32]
Batch = list[Window]

# How many batches are evened out: with so many, 13 windows are 4, 4 and 5 instead of 6, 6 and 1.
_LAST = 3


class Network(Protocol):
    """What makes vectors of batches, for several callers at once."""

    def vectors(self, batches: Iterable[Batch]) -> Iterator[Vectors]:
        """Of every batch in order, one row for each window: arrays (windows, dimension)."""


class Processor:
    """A network on the CPU: every batch is run as it is, by the caller's thread or by one that helps."""

    def __init__(
        self, session: Session, output: str | int, spreading: Spreading, ran: Callable[[int], None] = lambda _: None
    ) -> None:
        """`output` is the network's output by name or position; `ran` is told of every batch how many windows it
        has."""
        self._session, self._output = session, named(session, output)
        self._spreading, self._ran = spreading, ran

    def vectors(self, batches: Iterable[Batch]) -> Iterator[Vectors]:
        return self._spreading.map(self._run, batches)

    def _run(self, batch: Batch) -> Vectors:
        stacked = (np.stack(values) for values in zip(*batch, strict=True))
        inputs = dict(zip(self._session.inputs, stacked, strict=True))
        self._ran(len(batch))
        return self._session.run((self._output,), inputs)[0]


def batches(windows: Iterable[Window], size: int, *, even: bool = False) -> Iterator[Batch]:
    """The windows in order, at most `size` in a batch; with `even` the last batches, up to three, are of one size, or
    nearly so.

    Only windows of equal shapes share one: padding would change what a network makes of them.
    """
    most = _LAST * size if even else size
    held: Batch = []
    for window in windows:
        if held and shapes(held[0]) != shapes(window):
            yield from _shared(held, size)
            held = []
        elif len(held) == most:
            yield held[:size]
            held = held[size:]
        held.append(window)
    yield from _shared(held, size)


def _shared(windows: Batch, size: int) -> Iterator[Batch]:
    """As few batches as there can be, as even as they can be."""
    count = -(-len(windows) // size)
    for number in range(count):
        yield windows[len(windows) * number // count : len(windows) * (number + 1) // count]


def shapes(window: Window) -> tuple[tuple[int, ...], ...]:
    """The shapes of a window's parts."""
    return tuple(values.shape for values in window)


def named(session: Session, output: str | int) -> str:
    """The name of the `output` that is given by name or position."""
    return output if isinstance(output, str) else session.outputs[output]
