"""Windows of recordings that are worked on side by side, gathered into full batches: what a GPU wants.

Which windows share a batch is a matter of chance, and on a GPU it changes the last bits of a vector. On a CPU, where it
gains nothing, every recording has batches of its own.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from onnx_models.batcher import Batch, Vectors, named, shapes
from onnx_models.bound import Bound
from onnx_models.session import OnnxSession

# How long a window waits for others, seconds.
DEADLINE = 0.005
# Of one recording, how many batches are asked for before the first must have come.
_AHEAD = 4
# A batch is filled up to the next of these shares of a full one, so that the device sees few shapes.
_SHARES = (64, 16, 4, 1)
# Of what shapes the windows may be for which memory is held ready; those of a model's full windows come first.
_MOST_SHAPES = 4

_Shapes = tuple[tuple[int, ...], ...]


@dataclass(eq=False, slots=True)
class _Asked:
    """The windows of one recording that somebody waits for: how many were taken, and how many have their vectors."""

    windows: Batch
    arrived: float = field(default_factory=time.monotonic)
    answer: "Future[Vectors]" = field(default_factory=Future)
    vectors: Vectors | None = None
    taken: int = 0
    made: int = 0

    @property
    def left(self) -> int:
        return len(self.windows) - self.taken


class Gathering:
    """A network whose batches are shared by all who ask at the same time. It runs in a thread of its own."""

    def __init__(
        self,
        session: OnnxSession,
        output: str | int,
        size: int,
        *,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
        deadline: float = DEADLINE,
        ran: Callable[[int], None] = lambda _: None,
    ) -> None:
        """A batch is run once it has `size` windows, or its first has waited `deadline` seconds. While a caller waits
        for vectors it is in the context that `waiting` gives. `ran` is told of every batch how many windows it has."""
        self._session, self._output = session, named(session, output)
        self._size, self._deadline, self._waiting, self._ran = size, deadline, waiting, ran
        self._sizes = sorted({max(1, size // share) for share in _SHARES})
        self._bound: dict[tuple[_Shapes, int], Bound] = {}
        self._asked: deque[_Asked] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="gathering", daemon=True)
        self._thread.start()

    def vectors(self, batches: Iterable[Batch]) -> Iterator[Vectors]:
        """Of every batch in order, one row for each window: arrays (windows, dimension)."""
        answers: deque[Future[Vectors]] = deque()
        for batch in batches:
            answers.append(self._ask(batch))
            if len(answers) == _AHEAD:
                yield self._told(answers.popleft())
        while answers:
            yield self._told(answers.popleft())

    def close(self) -> None:
        """Ends the thread, once all have their vectors."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def _ask(self, batch: Batch) -> "Future[Vectors]":
        asked = _Asked(batch)
        with self._news:
            self._asked.append(asked)
            self._news.notify()
        return asked.answer

    def _told(self, answer: "Future[Vectors]") -> Vectors:
        with self._waiting():
            return answer.result()

    def _work(self) -> None:
        while together := self._gathered():
            windows = [window for asked, start, end in together for window in asked.windows[start:end]]
            self._ran(len(windows))
            try:
                vectors = self._run(windows)
            # Told to all who wait for it.
            except Exception as error:
                for asked, _, _ in together:
                    if not asked.answer.done():
                        asked.answer.set_exception(error)
                continue
            _hand_out(together, vectors)

    def _gathered(self) -> list[tuple[_Asked, int, int]]:
        """Who has windows [start, end) in the next batch; all of the shape of the oldest. Nobody once it is closed."""
        with self._news:
            while not self._asked:
                if self._closed:
                    return []
                self._news.wait()
            wanted = shapes(self._asked[0].windows[0])
            due = self._asked[0].arrived + self._deadline
            while self._alike(wanted) < self._size and (left := due - time.monotonic()) > 0:
                self._news.wait(left)
            together, room = [], self._size
            for asked in [asked for asked in self._asked if shapes(asked.windows[0]) == wanted]:
                start, asked.taken = asked.taken, asked.taken + min(room, asked.left)
                together.append((asked, start, asked.taken))
                room -= asked.taken - start
                if not asked.left:
                    self._asked.remove(asked)
                if not room:
                    break
            return together

    def _alike(self, wanted: _Shapes) -> int:
        return sum(asked.left for asked in self._asked if shapes(asked.windows[0]) == wanted)

    def _run(self, windows: Batch) -> Vectors:
        rows = next(size for size in self._sizes if size >= len(windows))
        key = shapes(windows[0]), rows
        if key not in self._bound:
            stacked = [np.stack(values) for values in zip(*windows, strict=True)]
            if len({shape for shape, _ in self._bound} | {key[0]}) > _MOST_SHAPES:
                return self._session.run((self._output,), dict(zip(self._session.inputs, stacked, strict=True)))[0]
            filled = [np.concatenate([part, part[:1].repeat(rows - len(part), axis=0)]) for part in stacked]
            self._bound[key] = self._session.bound(self._output, filled)
        bound = self._bound[key]
        for place, values in zip(bound.inputs, zip(*windows, strict=True), strict=True):
            np.stack(values, out=place[: len(values)])
            # Not zeros, of which a network may make numbers that are none and slow.
            place[len(values) :] = place[0]
        return bound.run()[: len(windows)].copy()


def _hand_out(together: Sequence[tuple[_Asked, int, int]], vectors: Vectors) -> None:
    row = 0
    for asked, start, end in together:
        if asked.vectors is None:
            asked.vectors = np.empty((len(asked.windows), *vectors.shape[1:]), vectors.dtype)
        asked.vectors[start:end] = vectors[row : row + end - start]
        row, asked.made = row + end - start, asked.made + end - start
        if asked.made == len(asked.windows) and not asked.answer.done():
            asked.answer.set_result(asked.vectors)
