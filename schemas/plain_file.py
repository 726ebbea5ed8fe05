"""Plain files, read whole up to a bound: what people name may be a pipe that nobody writes into, or have no end."""

import errno
import json
import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

_BLOCK_BYTES = 1 << 16


class NotPlain(OSError):
    """A folder, a pipe, a device or a socket where a file should be."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "it is not a plain file")


class IsLink(OSError):
    """A link where the file itself should be."""

    def __init__(self) -> None:
        super().__init__(errno.ELOOP, "it is a link, and none is followed here: put the file itself there")


class TooLarge(OSError):
    """More than the most that is read."""

    def __init__(self, most: int) -> None:
        super().__init__(errno.EFBIG, f"it has more than {most:,} bytes, the most that are read")


def opened(path: Path, *, follow: bool = True, kind: type[FileIO] = FileIO) -> FileIO:
    """The plain file at `path`, unbuffered; or the one that it links to, unless links are not to be followed. It is of
    the `kind`. Raises OSError, NotPlain and IsLink among them."""
    # Without waiting for whoever might write into a pipe of that name.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    if follow:
        descriptor = os.open(path, flags)
    else:
        with no_link():
            descriptor = os.open(path, flags | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotPlain
        return kind(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


@contextmanager
def no_link() -> Iterator[None]:
    """Around what does not follow links. Raises IsLink, which says so, instead of the system's own error."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise IsLink from error
        raise


def read(path: Path, most: int) -> bytes:
    """All of the plain file at `path`. Raises OSError with its `strerror`, also for more than `most` bytes."""
    with opened(path) as file:
        return rest(file, most)


def rest(file: FileIO, most: int) -> bytes:
    """All of an open file from where it stands. Raises OSError as `read` does."""
    size = os.fstat(file.fileno()).st_size
    if size > most:
        raise TooLarge(most)
    blocks, left = [], most + 1
    # A call may give less than was asked for, and a file grow; all at once, nothing is copied.
    while left and (block := file.read(min(left, max(size + 1, _BLOCK_BYTES)))):
        blocks.append(block)
        left -= len(block)
    if not left:
        raise TooLarge(most)
    return b"".join(blocks)


def read_text(path: Path, most: int) -> str:
    """The same as text. Raises OSError as `read` does, ValueError for another encoding than UTF-8."""
    return text(read(path, most))


def read_toml(path: Path, most: int) -> dict[str, Any]:
    """The same as TOML. Raises OSError as `read` does, ValueError for what is not TOML."""
    return toml(read(path, most))


def read_json(path: Path, most: int) -> Any:
    """The same as JSON. Raises OSError as `read` does, ValueError for what is not JSON."""
    return decoded_json(read(path, most))


def text(content: bytes) -> str:
    """The content of a file as text. Raises ValueError for another encoding than UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not text in UTF-8") from error


def toml(content: bytes) -> dict[str, Any]:
    """The same as TOML. Raises ValueError for what is not TOML."""
    try:
        return tomllib.loads(text(content))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def decoded_json(content: bytes) -> Any:
    """The same as JSON. Raises ValueError for what is not JSON."""
    try:
        return json.loads(text(content))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
