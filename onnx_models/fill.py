"""How full the batches are that go through a network."""

import threading


class Fill:
    """Counts the batches of a network that takes `size` windows at once, whichever thread runs them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._lock = threading.Lock()
        self._batches = self._windows = 0

    def ran(self, windows: int) -> None:
        """One more batch, of so many windows."""
        with self._lock:
            self._batches += 1
            self._windows += windows

    def taken(self) -> tuple[int, int]:
        """Batches, and windows in them, since this was last asked."""
        with self._lock:
            found = self._batches, self._windows
            self._batches = self._windows = 0
        return found
