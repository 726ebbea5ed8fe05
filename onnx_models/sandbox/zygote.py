"""The caller's hold on its zygote: started once, handed requests, replaced when it dies."""

import atexit
import fcntl
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.talk import Talk
from onnx_models.sandbox.wire import sent

log = logging.getLogger(__name__)

_PROGRAM = """
import sys
sys.path[:] = {path!r}
from onnx_models.sandbox.nursery import main
main({module!r})
"""
# Nothing of the caller's own, which may hold secrets. BLAS would start a thread on every core, and what has threads
# cannot be forked with a good conscience. What libraries want of each other is looked up once, not in every child.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "LD_BIND_NOW": "1"}
# As much as a pipe of anybody's may hold: a child can be ahead by some seconds of sound.
_PIPE_BYTES = 1 << 20
_GOODBYE_SECONDS = 5.0


class Zygote:
    """A process whose children run `work` of `module`. It starts at the first request, or before. For all threads."""

    def __init__(self, module: str, folders: Sequence[Path] = ()) -> None:
        """`folders` are searched for modules besides those that are searched here."""
        self._module = module
        self._folders = [str(folder) for folder in folders]
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        atexit.register(self.end)
        # It belongs to the process that started it; a fork of that one gets its own.
        os.register_at_fork(after_in_child=self._disown)

    def start(self) -> None:
        """Makes sure that it runs, and does not wait until it is ready."""
        with self._lock:
            self._control()

    def ask(self, request: Mapping[str, Any], media: int, limits: Limits) -> Talk:
        """Hands `request`, a little JSON, and the descriptor `media`, which stays open here, to a child of its own.

        Raises OSError when none can be started.
        """
        message = json.dumps({**request, "limits": [limits.processor_seconds, limits.memory_bytes]}).encode()
        answers, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(answers, False)
            # Those who have many such pipes may have no larger ones.
            with suppress(OSError):
                fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            lifeline, zygotes = socket.socketpair()
            with zygotes:
                self._send(message, [media, theirs, zygotes.fileno()])
            return Talk(answers, lifeline, limits)
        except BaseException:
            os.close(answers)
            raise
        finally:
            os.close(theirs)

    def replace(self) -> None:
        """Kills it with all its children, for one that no longer does its duty; the next request starts another."""
        with self._lock:
            self._end(kill=True)

    def end(self) -> None:
        """Ends it with all its children."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """Its process, None while there is none."""
        return None if self._running is None else self._running[0].pid

    def _send(self, message: bytes, descriptors: list[int]) -> None:
        with self._lock:
            try:
                sent(self._control(), message, descriptors)
            except (BrokenPipeError, ConnectionResetError):
                # It died between two requests, and is reaped by now or in a moment.
                self._end(kill=True)
                sent(self._control(), message, descriptors)

    def _control(self) -> socket.socket:
        if self._running is not None and self._running[0].poll() is not None:
            log.warning("the process that forks decoders ended with exit code %s", self._running[0].returncode)
            self._end()
        if self._running is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            path = [*filter(None, sys.path), str(Path(__file__).parents[2]), *self._folders]
            with theirs:
                process = subprocess.Popen(  # noqa: S603
                    # Everything is where it is here, so there is no need to look for it.
                    [sys.executable, "-I", "-S", "-c", _PROGRAM.format(path=path, module=self._module)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    env=_ENVIRONMENT,
                    # Interrupted at the keyboard, the caller decides what becomes of it.
                    start_new_session=True,
                )
            self._running = process, ours
        return self._running[1]

    def _end(self, *, kill: bool = False) -> None:
        if self._running is None:
            return
        process, control = self._running
        self._running = None
        control.close()
        with suppress(subprocess.TimeoutExpired):
            if not kill:
                process.wait(_GOODBYE_SECONDS)
        process.kill()
        process.wait()

    def _disown(self) -> None:
        self._lock = threading.Lock()
        if self._running is not None:
            process, control = self._running
            # Not ours to wait for.
            process.returncode = 0
            control.close()
            self._running = None
