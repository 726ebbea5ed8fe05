"""How much a worker takes at a time.

Between the end of one attempt and the beginning of the next lie a few waits for Redis, for the disk and for a decoder
to start, in which a worker with one task at a time computes nothing. So it has the next under way before: as many as
its models have use for, and more only of tasks so short that all are done before it could have taken another.
"""

from collections.abc import Collection, Sequence

from tasks.record import TaskRecord

# What is larger takes longer than what it costs besides: nothing is gained when it begins beside another, and it may
# keep that from a worker who has nothing to do.
_SHORT_BYTES = 2 << 20
# Seconds of work that a worker may have before it, however many tasks that is; and how many at most.
_BACKLOG_SECONDS, _MOST = 0.02, 32
# What takes no time that can be measured takes so long.
_INSTANT_SECONDS = 1e-5
# Of what was measured last.
_WEIGHT = 0.2


class Appetite:
    """Decides which of the tasks that wait are taken beside those under way. `places` is how many attempts at a time
    the models of this worker have use for."""

    def __init__(self, places: int) -> None:
        self._places = places
        # Seconds of processor time of an attempt, by technology.
        self._seconds: dict[str, float] = {}

    @property
    def most(self) -> int:
        """How many attempts there may ever be at a time."""
        return self._places if self._places == 1 else max(self._places, _MOST)

    def measured(self, technology: str, seconds: float) -> None:
        """An attempt has taken so many seconds of processor time."""
        before = self._seconds.get(technology, seconds)
        self._seconds[technology] = before + _WEIGHT * (seconds - before)

    def left(self, under_way: Collection[TaskRecord]) -> int:
        """How many more could be taken at most, whatever waits."""
        if any(record.crashes for record in under_way):
            return 0
        quickest = max(_INSTANT_SECONDS, min(self._seconds.values(), default=_BACKLOG_SECONDS))
        quick = int((_BACKLOG_SECONDS - self._backlog(under_way)) / quickest)
        return max(0, min(self.most - len(under_way), max(self._places - len(under_way), quick)))

    def chosen(self, waiting: Sequence[TaskRecord], under_way: Collection[TaskRecord]) -> list[TaskRecord]:
        """Those of `waiting`, which is in order, that are taken now.

        One under which a worker died is taken alone: should it kill this one as well, it is charged to no other. For
        that, and for a large one that must not wait for ever while short ones pass it, those under way come to an end.
        """
        taken: list[TaskRecord] = []
        for record in waiting:
            beside = [*under_way, *taken]
            if not self.left(beside):
                break
            if beside and record.crashes:
                break
            if beside and record.input_bytes > _SHORT_BYTES:
                if any(other.input_bytes > _SHORT_BYTES for other in beside):
                    continue
                break
            if len(beside) < self._places or self._backlog([*beside, record]) < _BACKLOG_SECONDS:
                taken.append(record)
        return taken

    def _backlog(self, records: Collection[TaskRecord]) -> float:
        return sum(self._seconds.get(record.technology, _BACKLOG_SECONDS) for record in records)
