"""What a child gives up for good before it looks at anything hostile.

Each lock is put on where the host has it, and left out where it has not: `voiceprint doctor` tells which hold. No lock
replaces another: without Landlock and seccomp, for instance, the limit of 0 open files still keeps files shut.

What is given up is given up by all descendants as well. So the zygote shuts most doors, once, behind which its children
are born; each shuts those that its limits decide; and at last, when it has been handed what it is to read, those
without which it could not have been handed anything.
"""

import ctypes
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from onnx_models.sandbox import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SIGKILL = 9
# `struct __user_cap_header_struct` of version 3, and two empty sets each of three.
_CAPABILITY_HEADER = (0x20080522).to_bytes(4, "little") + bytes(4)
_NO_CAPABILITIES = bytes(24)
# What an interpreter with FFmpeg has mapped, where it cannot be found out.
_MAPPED_BYTES = 1 << 30

libc = ctypes.CDLL(None, use_errno=True)
_prctl = libc.prctl
# Which limit, and how much of it: soft and hard.
Bound = tuple[int, tuple[int, int]]
_NOTHING = (0, 0)
_NOTHING_MORE: Final = tuple(
    (which, _NOTHING) for which in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK)
)
_NO_DESCRIPTORS: Final = ((resource.RLIMIT_NOFILE, _NOTHING),)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use, and how long its caller waits: at most `patience_seconds` for the next that it says,
    and at most so much more than the processor time for all of it. Only the time that is spent waiting counts.

    `memory_bytes`, address space, comes on top of what is mapped before it starts.
    """

    processor_seconds: int
    memory_bytes: int = 512 << 20
    patience_seconds: float = 60.0


def die_with(parent: int) -> None:
    """This process is killed when the process `parent`, which forked it, ends. For processes of one thread."""
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    # It may have ended before.
    if os.getppid() != parent:
        os._exit(1)


def mapped_bytes() -> int:
    """The address space of this process."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    return _MAPPED_BYTES


def confine_family() -> dict[str, bool]:
    """Shuts for this process and all that it forks what none of them needs. Which locks hold, by name."""
    return dict(_family_locks())


def bounds(limits: Limits, mapped: int) -> list[Bound]:
    """What the limits of a child come to; `mapped` bytes are there when it starts."""
    most = mapped + limits.memory_bytes
    return [
        _bound(resource.RLIMIT_AS, most, most),
        _bound(resource.RLIMIT_NPROC, 0, 0),
        # With something between the two, the first one ends it by a signal of its own.
        _bound(resource.RLIMIT_CPU, limits.processor_seconds, limits.processor_seconds + 1),
    ]


def confine(bounds: Sequence[Bound]) -> bool:
    """Shuts for a child what its limits decide. Whether all of it holds."""
    # Nobody of the same user may look into this process, nor it into others.
    _prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return _bounded(bounds)


def seal() -> tuple[bool, bool]:
    """Shuts the last doors of a child that has all it needs; it must be of a confined family.

    Whether the limits hold, and the filter of system calls.
    """
    # Those descriptors that are open stay so.
    return _bounded(_NO_DESCRIPTORS), seccomp.apply(libc)


def _family_locks() -> Iterator[tuple[str, bool]]:
    yield "no-new-privileges", not _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    yield "landlock", landlock.apply(libc)
    yield "limits", _bounded(_NOTHING_MORE)
    # Root's own rights would lift the limits again.
    libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES)


def _bound(which: int, soft: int, hard: int) -> Bound:
    # The host may allow less from the start, which is as good.
    _, most = resource.getrlimit(which)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    return which, (soft, hard)


def _bounded(bounds: Sequence[Bound]) -> bool:
    """Whether all hold, each of which is put on whatever comes of the others."""
    holds = True
    for which, amounts in bounds:
        try:
            resource.setrlimit(which, amounts)
        except (ValueError, OSError):
            holds = False
    return holds
