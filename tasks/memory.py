"""What this process does with memory that it has freed."""

import ctypes
import gc

# mallopt(3): how much may lie free at the end of an arena, and from which size on memory is asked of the system by
# itself; of that one, this is the most that glibc takes.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_TRIM_BYTES, _MMAP_BYTES = 64 << 20, 32 << 20
# After how many new objects the collector looks at them, and how seldom at older ones.
_OBJECTS, _YOUNG, _OLD = 100_000, 50, 100


def keep_freed() -> None:
    """Lets glibc keep what is freed, some megabytes for each piece of a body or batch of rows, for the next: else it
    goes back to the system and is cleared page by page each time, which takes longer than to hash it. Other C libraries
    know nothing of this."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)


def collect_seldom() -> None:
    """For work that makes slices by the million and no cycles: what is loaded by now is not looked through for garbage
    any more, and the rest a hundredth as often, which is a twentieth of a conversion's time."""
    gc.freeze()
    gc.set_threshold(_OBJECTS, _YOUNG, _OLD)
