"""Just enough of Redis's protocol to see where one command of a client ends and the next begins."""

from collections.abc import Iterator


class Commands:
    """Cuts what a client sends into commands, however the network has cut it."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
        """Each command that is complete by now: its bytes, and its words."""
        self._waiting += data
        while found := _command(self._waiting):
            end, words = found
            yield self._waiting[:end], words
            self._waiting = self._waiting[end:]


def _command(data: bytes) -> tuple[int, list[bytes]] | None:
    """Where the first command ends and its words, or None while it is not whole. Clients send arrays of strings."""
    if (line := _line(data, 0)) is None:
        return None
    at, count = line
    words = []
    for _ in range(count):
        if (line := _line(data, at)) is None:
            return None
        begin, length = line
        at = begin + length + 2
        if len(data) < at:
            return None
        words.append(data[begin : begin + length])
    return at, words


def _line(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the line at `at` ends, and the number in it."""
    end = data.find(b"\r\n", at)
    return None if end < 0 else (end + 2, int(data[at + 1 : end]))
