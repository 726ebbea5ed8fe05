"""A filter of system calls (seccomp-BPF): what is not listed fails with EPERM.

See the kernel's Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{filter,seccomp,audit}.h.
"""

import ctypes
import platform
import struct
from collections.abc import Iterator
from functools import cache
from typing import Final

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050001, 0x7FFF0000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
# Offsets into what the filter sees of a call: its number, the architecture, the lower halves of its arguments.
_NUMBER, _ARCHITECTURE = 0, 4
_ARGUMENTS: Final = tuple(range(16, 64, 8))
_PROT_EXEC, _MAP_SHARED = 4, 1
_OUTPUTS = (1, 2)
_AT_EMPTY_PATH = 0x1000

# By name, the number on x86_64 and on aarch64.
_FREE = {
    "read": (0, 63),
    "lseek": (8, 62),
    "futex": (202, 98),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "fstat": (5, 80),
    "close": (3, 57),
    "pread64": (17, 67),
    "readv": (19, 65),
    "clock_gettime": (228, 113),
    "gettimeofday": (96, 169),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "restart_syscall": (219, 128),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getrandom": (318, 278),
    "rt_sigreturn": (15, 139),
    "rt_sigprocmask": (14, 135),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_WRITE = {"write": (1, 64), "writev": (20, 66)}
_MMAP, _MPROTECT, _NEWFSTATAT = (9, 222), (10, 226), (262, 79)
_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def program(machine: str) -> bytes | None:
    """The filter for processors of the kind `machine`; None for those whose numbers are not known here."""
    if machine not in _AUDIT_ARCHITECTURES:
        return None
    column = list(_AUDIT_ARCHITECTURES).index(machine)
    return b"".join(_instructions(column, _AUDIT_ARCHITECTURES[machine]))


@cache
def _own() -> _Program | None:
    """The filter for this machine; asked for before a fork, it is there already after it."""
    instructions = program(platform.machine())
    return None if instructions is None else _Program(len(instructions) // 8, instructions)


def prepare() -> None:
    """Makes once what `apply` needs."""
    _own()


def apply(libc: ctypes.CDLL) -> bool:
    """Puts this process under the filter for good; it must have given up new privileges. False where that fails."""
    own = _own()
    return own is not None and not libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(own), 0, 0)


def _instructions(column: int, architecture: int) -> Iterator[bytes]:
    yield _load(_ARCHITECTURE)
    yield _jump(_EQUAL, architecture, 1, 0)
    yield _return(_KILL)
    yield _load(_NUMBER)
    for numbers in _FREE.values():
        yield from _when(numbers[column], _return(_ALLOW))
    for numbers in _WRITE.values():
        # Never into the media, even where its descriptor would allow it.
        yield from _when(
            numbers[column],
            _load(_ARGUMENTS[0]),
            *(_jump(_EQUAL, output, len(_OUTPUTS) - place, 0) for place, output in enumerate(_OUTPUTS)),
            _return(_REFUSE),
            _return(_ALLOW),
        )
    # Memory is private and never becomes code.
    yield from _when(_MMAP[column], *_refusing(2, _PROT_EXEC), *_refusing(3, _MAP_SHARED), _return(_ALLOW))
    yield from _when(_MPROTECT[column], *_refusing(2, _PROT_EXEC), _return(_ALLOW))
    # How the C library asks about an open file.
    yield from _when(
        _NEWFSTATAT[column],
        _load(_ARGUMENTS[3]),
        _jump(_ANY_BIT, _AT_EMPTY_PATH, 1, 0),
        _return(_REFUSE),
        _return(_ALLOW),
    )
    yield _return(_REFUSE)


def _when(number: int, *then: bytes) -> Iterator[bytes]:
    """`then`, which must end by returning, for the system call `number`."""
    yield _jump(_EQUAL, number, 0, len(then))
    yield from then


def _refusing(argument: int, bits: int) -> tuple[bytes, bytes, bytes]:
    return _load(_ARGUMENTS[argument]), _jump(_ANY_BIT, bits, 0, 1), _return(_REFUSE)


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, 0, 0, offset)


def _jump(test: int, value: int, when_true: int, when_false: int) -> bytes:
    """Skips so many of the instructions that follow."""
    return _instruction(test, when_true, when_false, value)


def _return(action: int) -> bytes:
    return _instruction(_RETURN, 0, 0, action)


def _instruction(code: int, when_true: int, when_false: int, value: int) -> bytes:
    """`struct sock_filter`."""
    return struct.pack("HBBI", code, when_true, when_false, value)
