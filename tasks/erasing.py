"""Taking a task back, whatever its state: it is cancelled, and its media and result are erased."""

from tasks.files import FileStore
from tasks.record import TaskRecord
from tasks.store import TaskStore


async def erase(store: TaskStore, files: FileStore, task_id: str, technology: str = "") -> bool:
    """Erases the task, of `technology` when that is given. False when there is none such.

    A worker that has it notices within a heartbeat, stops, and leaves nothing behind. Raises RecordDamaged, and
    Overloaded while Redis cannot be reached: then the task may be there still.
    """
    while (record := await store.fetch(task_id)) is not None:
        if technology and record.technology not in {technology, ""}:
            return False
        if await store.erase(record):
            _erase_files(files, record)
            return True
        # It was claimed or it ended between the two: look again.
    return False


def _erase_files(files: FileStore, record: TaskRecord) -> None:
    files.erase_input(record.task_id)
    # One attempt may have ended in a crash after its result was written.
    for attempt in range(1, record.attempt + 1):
        files.erase_result(record.task_id, attempt)
