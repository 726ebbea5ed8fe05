"""What a child gives up for good before it looks at anything hostile.

Each lock is put on where the host has it, and left out where it has not: `voiceprint doctor` tells which hold. No lock
replaces another: without Landlock and seccomp, for instance, the limit of 0 open files still keeps files shut.
"""

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from onnx_models.sandbox import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SIGKILL = 9
# `struct __user_cap_header_struct` of version 3, and two empty sets each of three.
_CAPABILITY_HEADER = (0x20080522).to_bytes(4, "little") + bytes(4)
_NO_CAPABILITIES = bytes(24)
# What an interpreter with numpy and FFmpeg has mapped, where it cannot be found out.
_MAPPED_BYTES = 1 << 30

libc = ctypes.CDLL(None, use_errno=True)


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
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    # It may have ended before.
    if os.getppid() != parent:
        os._exit(1)


def mapped_bytes() -> int:
    """The address space of this process."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    return _MAPPED_BYTES


def confine(limits: Limits, mapped: int) -> dict[str, bool]:
    """Shuts every door; `mapped` bytes are there already. Which locks hold, by name."""
    return dict(_locks(limits, mapped))


def _locks(limits: Limits, mapped: int) -> Iterator[tuple[str, bool]]:
    yield "no-new-privileges", not libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Takes a descriptor for a moment, so it comes before the limit on these.
    yield "landlock", landlock.apply(libc)
    yield "limits", all(_limited(limits, mapped))
    # Nobody of the same user may look into this process, nor it into others.
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Root's own rights would lift the limits again.
    libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES)
    yield "seccomp", seccomp.apply(libc)


def _limited(limits: Limits, mapped: int) -> Iterator[bool]:
    bounds = {
        resource.RLIMIT_AS: mapped + limits.memory_bytes,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        # Those that are open stay so.
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for which, most in bounds.items():
        yield _set(which, most, most)
    # With something between the two, the first one ends it by a signal of its own.
    yield _set(resource.RLIMIT_CPU, limits.processor_seconds, limits.processor_seconds + 1)


def _set(which: int, soft: int, hard: int) -> bool:
    # The host may allow less from the start, which is as good.
    _, most = resource.getrlimit(which)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    try:
        resource.setrlimit(which, (soft, hard))
    except (ValueError, OSError):
        return False
    return True
