"""The zygote itself: forks children, hands each one request, kills those whose callers let go, reaps and reports.

It reads nothing that a child says and nothing hostile at all. What it holds is paid for with every fork, and what a
child touches of it a second time: so it imports little, nothing that has to be told of forks (threading, logging and
random are), and does beforehand what it can.
"""

import gc
import json
import os
import select
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from io import FileIO
from typing import Any, NoReturn

from onnx_models.sandbox import seccomp
from onnx_models.sandbox.confinement import (
    Bound,
    Limits,
    bounds,
    confine,
    confine_family,
    die_with,
    mapped_bytes,
    seal,
)
from onnx_models.sandbox.wire import ANSWERS, ENDING, GO, LIFELINE, MEDIA, Answers, arrived, received, sent

# A child's descriptors are the media, where it answers, nowhere, and its leash, whose end tells the zygote of its own.
_NOWHERE = 2
# Where standard output of the zygote goes.
_TO_NOWHERE = 1
_MOST_DESCRIPTORS = os.sysconf("SC_OPEN_MAX")

Work = Callable[[Mapping[str, Any], FileIO, Answers], None]


def main(module: str) -> NoReturn:
    """Serves requests that come on standard input, a socket, by `work` of `module`, until its other end is closed."""
    work: Work = import_module(module).work
    seccomp.prepare()
    nursery = _Nursery(work, mapped_bytes(), confine_family())
    # What is there by now is never looked at again, so that children share it.
    gc.collect()
    gc.freeze()
    gc.disable()
    nursery.serve()
    # No tidying up: the children that are left are killed by the kernel as this ends.
    os._exit(0)


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    leash: socket.socket


@dataclass(frozen=True, slots=True)
class _Order:
    """A request, as it came and as it was understood, and what its limits come to."""

    message: bytes
    request: dict[str, Any]
    bounds: Sequence[Bound]


class _Nursery:
    def __init__(self, work: Work, mapped: int, locks: Mapping[str, bool]) -> None:
        """`locks` are those that hold by now."""
        self._work, self._mapped, self._locks = work, mapped, locks
        self._pid = os.getpid()
        self._control = socket.socket(fileno=0)
        self._poll = select.poll()
        self._poll.register(self._control, select.POLLIN)
        # By the descriptors that are polled: children by their leashes, and by the lifelines of their callers.
        self._children: dict[int, tuple[_Child, socket.socket]] = {}
        self._lifelines: dict[int, _Child] = {}
        # A spare child is prepared for what was asked last: most that is asked differs in its media alone.
        self._last: _Order | None = None
        self._spare: _Child | None = None

    def serve(self) -> None:
        while True:
            # One at a time: what is done about it may close the others' descriptors, and open new ones of their number.
            descriptor = self._poll.poll()[0][0]
            if descriptor in self._lifelines:
                self._let_go(descriptor)
            elif descriptor in self._children:
                self._bury(*self._children[descriptor])
            elif not self._hand_over():
                return

    def _hand_over(self) -> bool:
        """Gives the next request to the spare child. False when there will be none any more."""
        message, descriptors = received(self._control)
        if not message:
            return False
        try:
            # Whoever gets no answer asks again.
            with suppress(OSError):
                lifeline = socket.socket(fileno=descriptors[LIFELINE])
                self._take(self._understood(message), descriptors[:LIFELINE], lifeline)
        finally:
            for descriptor in descriptors[:LIFELINE]:
                os.close(descriptor)
        return True

    def _understood(self, message: bytes) -> _Order:
        if self._last is not None and self._last.message == message:
            return self._last
        spare, self._spare = self._spare, None
        if spare is not None:
            os.kill(spare.pid, signal.SIGKILL)
            os.waitpid(spare.pid, 0)
            spare.leash.close()
        request = json.loads(message)
        self._last = _Order(message, request, bounds(Limits(*request["limits"]), self._mapped))
        return self._last

    def _take(self, order: _Order, descriptors: Sequence[int], lifeline: socket.socket) -> None:
        child = self._spare or self._fork(order)
        self._spare = None
        self._children[child.leash.fileno()] = child, lifeline
        self._lifelines[lifeline.fileno()] = child
        self._poll.register(child.leash, select.POLLIN)
        self._poll.register(lifeline, select.POLLIN)
        sent(child.leash, GO, descriptors)

    def _let_go(self, lifeline: int) -> None:
        """The caller has closed its end, or is gone; the leash tells when the child is."""
        self._poll.unregister(lifeline)
        os.kill(self._lifelines.pop(lifeline).pid, signal.SIGKILL)

    def _bury(self, child: _Child, lifeline: socket.socket) -> None:
        """The child has ended, or let go of its leash, which is no better."""
        os.kill(child.pid, signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
        with suppress(OSError):
            lifeline.send(ENDING.pack(status, usage.ru_utime + usage.ru_stime))
        if self._lifelines.pop(lifeline.fileno(), None):
            self._poll.unregister(lifeline)
        self._poll.unregister(child.leash)
        del self._children[child.leash.fileno()]
        child.leash.close()
        lifeline.close()
        # Only now: while it lived, its caller waited for it, and a fork would have made that longer.
        if self._spare is None and self._last is not None:
            # Without processes or memory to be had, the next request tries again.
            with suppress(OSError):
                self._spare = self._fork(self._last)

    def _fork(self, order: _Order) -> _Child:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            pid = os.fork()
            if not pid:
                self._live(order, theirs)
            return _Child(pid, ours)

    def _live(self, order: _Order, leash: socket.socket) -> NoReturn:
        """A child's life: it shuts the doors, waits for its media, shuts the last doors, works and ends."""
        try:
            die_with(self._pid)
            os.dup2(_TO_NOWHERE, _NOWHERE)
            held = leash.fileno()
            # Nothing of the zygote's or of other children's; and what comes takes the first places that are free.
            for first, beyond in ((MEDIA, _NOWHERE), (_NOWHERE + 1, held), (held + 1, _MOST_DESCRIPTORS)):
                os.closerange(first, beyond)
            limited = confine(order.bounds)
            # Of a zygote that is gone nothing comes.
            if arrived(leash):
                sealed, filtered = seal()
                limits = limited and sealed and self._locks["limits"]
                order.request["locks"] = {**self._locks, "limits": limits, "seccomp": filtered}
                self._answer(order.request)
        finally:
            os._exit(0)

    def _answer(self, request: Mapping[str, Any]) -> None:
        answers = Answers(ANSWERS)
        try:
            self._work(request, FileIO(MEDIA, "rb", closefd=False), answers)
            answers.end()
        # What comes up in a decoder may have any name.
        except Exception as error:
            answers.fault({"type": type(error).__name__, "errno": getattr(error, "errno", None)})
