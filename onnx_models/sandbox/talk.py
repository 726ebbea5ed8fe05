"""What one child says, heard with patience and without trust."""

import json
import os
import select
import signal
import socket
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from onnx_models.passage import Stopped
from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.wire import DATA, END, ENDING, FAULT, HEAD, MOST_TEXT, TEXT

# How often somebody who waits is asked whether he still wants to.
_LOOK_SECONDS = 0.1
# Sent by people, the service manager or a kernel that is short of memory, and never what a recording causes.
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}


class Broken(Exception):
    """The child broke off over what it was given; the text says how, and goes on from "it"."""


class Exceeded(Broken):
    """It wanted more than its limits give."""


class Lost(Exception):
    """The child ended through no fault of what it was given, or of its own: another try may succeed."""


class Stalled(Lost):
    """It said nothing for longer than anybody waits."""


class Talk:
    """The answers of one child to one request. Closed, or let go of, it kills the child."""

    def __init__(self, answers: int, lifeline: socket.socket, limits: Limits) -> None:
        """`answers` is the reading end of a pipe, not blocking."""
        self._answers, self._lifeline, self._limits = answers, lifeline, limits
        self._poll = select.poll()
        self._poll.register(answers, select.POLLIN)
        self._waited = 0.0
        self._let_go = weakref.finalize(self, _let_go, answers, lifeline)

    def next(self, most_data: int, stop: Callable[[], bool]) -> memoryview | Mapping[str, Any] | None:
        """Data of up to `most_data` bytes, or a little JSON, which may hold anything; None when all is said.

        `stop` is asked while nothing comes. Raises Stopped, Broken, Lost, and OSError when the child could not read
        what it was given.
        """
        kind, length = HEAD.unpack(self._read(HEAD.size, stop))
        if length > {TEXT: MOST_TEXT, FAULT: MOST_TEXT, DATA: most_data}.get(kind, 0):
            raise Broken("answered nonsense")
        content = self._read(length, stop)
        if kind == DATA:
            return content
        if kind == END:
            # It ends by itself, and has no more to do with what it was given.
            self._let_go()
            return None
        told = _parsed(content)
        if kind == FAULT:
            raise self._fault(told)
        return told

    def close(self) -> bool:
        """Kills the child and waits until it is gone. False when nobody confirms that in time."""
        if not self._let_go.alive:
            return True
        self._lifeline.shutdown(socket.SHUT_WR)
        try:
            self._lifeline.settimeout(self._limits.patience_seconds)
            self._lifeline.recv(ENDING.size)
        except TimeoutError:
            return False
        except OSError:
            pass  # the zygote is gone, and its children with it
        finally:
            self._let_go()
        return True

    def _read(self, length: int, stop: Callable[[], bool]) -> memoryview:
        whole = rest = memoryview(bytearray(length))
        waited_before = self._waited
        while rest:
            try:
                count = os.readv(self._answers, [rest])
            except BlockingIOError:
                self._wait(waited_before, stop)
                continue
            if not count:
                raise self._ending()
            rest = rest[count:]
        return whole

    def _wait(self, waited_before: float, stop: Callable[[], bool]) -> None:
        start = time.monotonic()
        self._poll.poll(_LOOK_SECONDS * 1000)
        self._waited += time.monotonic() - start
        if stop():
            raise Stopped("it was asked to stop")
        patience = self._limits.patience_seconds
        if self._waited - waited_before > patience or self._waited > self._limits.processor_seconds + patience:
            raise Stalled(f"said nothing for {patience:g} s")

    def _ending(self) -> Exception:
        """Why a child fell silent before its last word."""
        try:
            self._lifeline.settimeout(self._limits.patience_seconds)
            report = self._lifeline.recv(ENDING.size)
        except OSError:
            report = b""
        if len(report) < ENDING.size:
            return Lost("was lost with the process that forked it")
        status, processor_seconds = ENDING.unpack(report)
        code = os.waitstatus_to_exitcode(status)
        used_up = processor_seconds >= self._limits.processor_seconds
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and used_up):
            return Exceeded(f"took more than {self._limits.processor_seconds} s of processor time")
        if -code in _FROM_OUTSIDE:
            return Lost(f"was ended from outside by {signal.Signals(-code).name}")
        if code < 0:
            return Broken(f"crashed ({_name(-code)})")
        return Broken("ended before it had said all")

    def _fault(self, told: Mapping[str, Any]) -> Exception:
        name, number = told.get("type"), told.get("errno")
        if name == "MemoryError":
            return Exceeded(f"wanted more than {self._limits.memory_bytes >> 20} MiB of memory")
        if name == "OSError" and isinstance(number, int):
            return OSError(number, os.strerror(number))
        return Broken(f"failed ({name})" if isinstance(name, str) and name.isidentifier() else "failed")


def _let_go(answers: int, lifeline: socket.socket) -> None:
    os.close(answers)
    lifeline.close()


def _parsed(content: memoryview) -> Mapping[str, Any]:
    try:
        told = json.loads(bytes(content))
    except (ValueError, RecursionError) as error:
        raise Broken("answered nonsense") from error
    if not isinstance(told, dict):
        raise Broken("answered nonsense")
    return told


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
