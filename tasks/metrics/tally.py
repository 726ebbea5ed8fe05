"""What one process has counted, by any of its threads, and has not told yet."""

import threading
from bisect import bisect_left
from collections import defaultdict

from tasks.metrics.declared import AUDIO, ENDED, Counter, Histogram

# A metric's name, the values of its labels, and of a histogram the number of a bucket or this.
SUM = "sum"
Field = tuple[str | int, ...]


class Tally:
    """To count is a few look-ups and additions: it is done for every task and every request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[Field, float] = defaultdict(float)

    def count(self, counter: Counter, *labels: str, amount: float = 1.0) -> None:
        """So many more, of the combination of `labels`, in the order in which they are declared."""
        with self._lock:
            self._counts[counter.name, *labels] += amount

    def observe(self, histogram: Histogram, value: float, *labels: str) -> None:
        """One more, of `value`."""
        bucket = bisect_left(histogram.bounds, value)
        with self._lock:
            self._counts[histogram.name, *labels, bucket] += 1.0
            self._counts[histogram.name, *labels, SUM] += value

    def taken(self) -> dict[Field, float]:
        """What was counted since this was last asked."""
        with self._lock:
            taken, self._counts = self._counts, defaultdict(float)
        return taken


def ended(counts: dict[Field, float]) -> tuple[float, float]:
    """Of such counts, how many tasks have ended, and how many seconds of audio were listened to."""
    of = {ENDED.name: 0.0, AUDIO.name: 0.0}
    for (name, *_), amount in counts.items():
        if name in of:
            of[str(name)] += amount
    return of[ENDED.name], of[AUDIO.name]
