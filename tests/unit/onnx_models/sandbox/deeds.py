"""What children of the tests do: the entry of zygotes of their own."""

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from io import FileIO
from typing import Any

from onnx_models.sandbox.wire import HEAD, Answers


def work(request: Mapping[str, Any], media: FileIO, answers: Answers) -> None:
    """Does `request["deed"]` and answers with what came of it."""
    answers.text({"pid": os.getpid()})
    answers.text({"came": DEEDS[request["deed"]](media, answers)})


def _errno(deed: Callable[[], object]) -> int | None:
    try:
        deed()
    except OSError as error:
        return error.errno
    return None


def _read(media: FileIO, _: Answers) -> str:
    media.seek(0)
    return media.read().decode()


def _open(media: FileIO, _: Answers) -> int | None:
    os.close(media.fileno())
    return _errno(lambda: os.open("/etc/passwd", os.O_RDONLY))


def _write_media(media: FileIO, _: Answers) -> int | None:
    return _errno(lambda: os.write(media.fileno(), b"other"))


def _make_code(_: FileIO, __: Answers) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    failed = ctypes.c_void_p(-1).value
    return bool(libc.mmap(None, ctypes.c_size_t(4096), 7, 0x22, -1, ctypes.c_size_t(0)) != failed)


def _segfault(_: FileIO, __: Answers) -> None:
    ctypes.string_at(0)


def _spin(_: FileIO, __: Answers) -> None:
    while True:
        pass


def _sleep(_: FileIO, __: Answers) -> None:
    while True:
        time.sleep(60)


def _allocate(_: FileIO, __: Answers) -> int:
    held = []
    while True:
        held.append(bytearray(1 << 20))


def _fail(_: FileIO, __: Answers) -> None:
    raise ValueError("words that nobody should hear: /etc/passwd")


def _unreadable(_: FileIO, __: Answers) -> None:
    raise OSError(5, "words that nobody should hear")


def _leave(_: FileIO, __: Answers) -> None:
    os._exit(0)


def _end(_: FileIO, __: Answers) -> None:
    os._exit(3)


def _talk_endlessly(_: FileIO, answers: Answers) -> None:
    while True:
        answers.data(memoryview(bytes(1 << 16)))


def _lie_about_length(_: FileIO, __: Answers) -> None:
    os.write(1, HEAD.pack(b"D", 0xFFFFFFFF))


def _babble(_: FileIO, __: Answers) -> None:
    os.write(1, HEAD.pack(b"T", 4096) + b"[" * 4096)


def _inherited(_: FileIO, __: Answers) -> list[int]:
    def there(descriptor: int) -> bool:
        return _errno(lambda: os.fstat(descriptor)) is None

    return [descriptor for descriptor in range(64) if there(descriptor)]


DEEDS: Mapping[str, Callable[[FileIO, Answers], Any]] = {
    "read": _read,
    "open": _open,
    "socket": lambda *_: _errno(lambda: socket.socket(socket.AF_UNIX)),
    "fork": lambda *_: _errno(os.fork),
    "kill": lambda *_: _errno(lambda: os.kill(os.getppid(), signal.SIGKILL)),
    "execute": lambda *_: _errno(lambda: os.execv("/bin/true", ["true"])),  # noqa: S606
    "write media": _write_media,
    "make code": _make_code,
    "segfault": _segfault,
    "spin": _spin,
    "sleep": _sleep,
    "allocate": _allocate,
    "fail": _fail,
    "unreadable": _unreadable,
    "leave": _leave,
    "end": _end,
    "talk endlessly": _talk_endlessly,
    "lie about length": _lie_about_length,
    "babble": _babble,
    "inherited": _inherited,
}
