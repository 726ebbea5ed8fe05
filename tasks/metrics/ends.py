"""What is counted of the end of a task, whichever process brings it about."""

from tasks.metrics.declared import ENDED, RESULT_BYTES
from tasks.metrics.tally import Tally
from tasks.record import TaskRecord
from tasks.store import Told

# Of a task whose record was lost, and of one that somebody else wrote.
_UNKNOWN = "unknown"


def counted(tally: Tally, told: Told) -> Told:
    """Counts every task that ends, and then tells `told`."""

    def tell(record: TaskRecord, *, again: bool = False) -> None:
        if not again:
            # Only now: the supervisor, whose tasks seldom end, starts sooner without numpy.
            from schemas.technologies import technologies  # noqa: PLC0415

            name = record.technology if record.technology in technologies() else _UNKNOWN
            tally.count(ENDED, name, record.state.value)
            if record.result_bytes:
                tally.count(RESULT_BYTES, name, amount=record.result_bytes)
        told(record, again=again)

    return tell
