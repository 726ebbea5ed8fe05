"""Windows of a stream of frames or samples: what a network sees at once."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]


class Windows:
    """Cuts rows (n, ...) into windows of `length` rows, one every `hop`, the last one ending with the stream.

    A stream not longer than `length` is one window of its own length. What is held is bounded by the window, the hop
    and the blocks that come in. Windows may look into one buffer, and share rows where they overlap: read-only.
    Raises ValueError for a window or a hop of less than one row.
    """

    def __init__(self, length: int, hop: int) -> None:
        if length < 1 or hop < 1:
            raise ValueError(f"a window of {length} and a hop of {hop} are too short: each needs at least one")
        self._length, self._hop = length, hop
        self._parts: list[Rows] = []
        # Both counted from the first row held: where the next window starts, and how many rows there are.
        self._start, self._held = 0, 0

    def push(self, rows: Rows) -> Iterator[Rows]:
        """The windows that are certain with the next rows."""
        self._parts.append(rows)
        self._held += len(rows)
        # A window that ends with what came so far might be the last one, and that one finish() gives.
        if self._held <= self._start + self._length:
            return
        held = np.concatenate(self._parts)
        while len(held) > self._start + self._length:
            yield held[self._start : self._start + self._length]
            self._start += self._hop
        # The last window may start before the next regular one, and with a hop longer than a window it often does.
        passed = min(self._start, len(held) - self._length)
        self._parts, self._held, self._start = [held[passed:].copy()], len(held) - passed, self._start - passed

    def finish(self) -> Iterator[Rows]:
        """The last window; none when there were no rows."""
        if self._held:
            yield np.concatenate(self._parts)[-self._length :]
