"""What a worker counts of its work."""

from onnx_models.served import Served
from onnx_models.stages import Stopwatch
from tasks.metrics.declared import (
    ATTEMPT,
    AUDIO,
    BATCH_PLACES,
    BATCH_WINDOWS,
    BATCHES,
    QUEUE_WAIT,
    REAL_TIME_FACTOR,
    STAGE,
)
from tasks.metrics.tally import Tally
from tasks.record import TaskRecord, now_ms


def claimed(tally: Tally, record: TaskRecord) -> None:
    """Counts how long a task has waited, by the clocks of two machines that may not agree, when it is first taken."""
    if record.attempt == 1:
        tally.observe(QUEUE_WAIT, max(0, now_ms() - record.created_ms) / 1000, record.technology)


def attempted(tally: Tally, technology: str, watch: Stopwatch) -> None:
    """Counts an attempt that is over, by where its time went."""
    seconds = sum(watch.seconds.values())
    tally.observe(ATTEMPT, seconds, technology)
    for stage, part in watch.seconds.items():
        tally.observe(STAGE, part, stage)
    if watch.heard:
        tally.count(AUDIO, technology, amount=watch.heard)
        tally.observe(REAL_TIME_FACTOR, seconds / watch.heard, technology)


def batches(tally: Tally, models: Served) -> None:
    """Counts the batches since this was last called."""
    for device, fill in models.fills():
        ran, windows = fill.taken()
        if ran:
            tally.count(BATCHES, device, amount=ran)
            tally.count(BATCH_WINDOWS, device, amount=windows)
            tally.count(BATCH_PLACES, device, amount=ran * fill.size)
