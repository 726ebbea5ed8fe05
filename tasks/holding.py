"""Files that a living process is taking in: others see that, however long it is stopped, until it lets go or dies."""

import fcntl
import time
from contextlib import suppress
from pathlib import Path

# Nobody writes for so long without a byte.
_SILENT_SECONDS = 3600.0


def hold(descriptor: int) -> None:
    """Marks a file as being taken in, under whatever name, until this descriptor and every duplicate of it is closed,
    by the process or by its death, however it dies."""
    with suppress(OSError):  # not every file system can: there, the sweep waits longer
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(path: Path) -> bool:
    """Whether somebody alive holds the file; False where there is none."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False  # someone else removed it first
    except BlockingIOError:
        return True
    except OSError:
        # Where files cannot be held, it has lost its process when nothing has come for long.
        with suppress(FileNotFoundError):
            return path.stat().st_mtime > time.time() - _SILENT_SECONDS
    return False
