"""The zygote itself: forks children, hands each one request, kills those whose callers let go, reaps and reports.

It reads nothing that a child says and nothing hostile at all.
"""

import gc
import json
import os
import select
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from io import FileIO
from typing import Any, NoReturn

from onnx_models.sandbox.confinement import Limits, confine, die_with, mapped_bytes
from onnx_models.sandbox.wire import DESCRIPTORS, ENDING, MOST_REQUEST, Answers

# A child's descriptors: the media, the answers, nowhere, and a socket whose end tells the zygote of the child's.
_MEDIA, _ANSWERS, _NOWHERE, _LEASH = range(4)
# Where standard output of the zygote goes.
_TO_NOWHERE = 1

Work = Callable[[Mapping[str, Any], FileIO, Answers], None]


def main(module: str) -> NoReturn:
    """Serves requests that come on standard input, a socket, by `work` of `module`, until its other end is closed."""
    work: Work = import_module(module).work
    # What is there by now is never looked at again, so that children share it.
    gc.collect()
    gc.freeze()
    gc.disable()
    _Nursery(work).serve()
    # No tidying up: the children that are left are killed by the kernel as this ends.
    os._exit(0)


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    leash: socket.socket


class _Nursery:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._pid = os.getpid()
        self._mapped = mapped_bytes()
        self._control = socket.socket(fileno=0)
        self._poll = select.poll()
        self._poll.register(self._control, select.POLLIN)
        # By the descriptors that are polled: children by their leashes, and by the lifelines of their callers.
        self._children: dict[int, tuple[_Child, socket.socket]] = {}
        self._lifelines: dict[int, _Child] = {}
        self._spare: _Child | None = None

    def serve(self) -> None:
        while True:
            if self._spare is None:
                # Without processes or memory to be had, the next request tries again.
                with suppress(OSError):
                    self._spare = self._fork()
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
        request, descriptors, _, _ = socket.recv_fds(self._control, MOST_REQUEST, DESCRIPTORS)
        if not request:
            return False
        *of_the_child, lifeline = descriptors
        try:
            # Whoever gets no answer asks again.
            with suppress(OSError):
                self._take(request, of_the_child, socket.socket(fileno=lifeline))
        finally:
            for descriptor in of_the_child:
                os.close(descriptor)
        return True

    def _take(self, request: bytes, descriptors: list[int], lifeline: socket.socket) -> None:
        child = self._spare or self._fork()
        self._spare = None
        self._children[child.leash.fileno()] = child, lifeline
        self._lifelines[lifeline.fileno()] = child
        self._poll.register(child.leash, select.POLLIN)
        self._poll.register(lifeline, select.POLLIN)
        socket.send_fds(child.leash, [request], descriptors)

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

    def _fork(self) -> _Child:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            pid = os.fork()
            if not pid:
                self._live(theirs.fileno())
            return _Child(pid, ours)

    def _live(self, leash: int) -> NoReturn:
        """A child's life: it waits for its one request, shuts the doors, works and ends."""
        try:
            die_with(self._pid)
            for place in (_MEDIA, _ANSWERS, _NOWHERE):
                os.dup2(_TO_NOWHERE, place)
            os.dup2(leash, _LEASH)
            # Nothing of the zygote's or of other children's.
            os.closerange(_LEASH + 1, os.sysconf("SC_OPEN_MAX"))
            request, *descriptors = _received(_LEASH)
            for descriptor, place in zip(descriptors, (_MEDIA, _ANSWERS), strict=True):
                os.dup2(descriptor, place)
                os.close(descriptor)
            media, answers = FileIO(_MEDIA, "rb", closefd=False), Answers(_ANSWERS)
            request["locks"] = confine(Limits(**request["limits"]), self._mapped)
            self._answer(request, media, answers)
        finally:
            os._exit(0)

    def _answer(self, request: Mapping[str, Any], media: FileIO, answers: Answers) -> None:
        try:
            self._work(request, media, answers)
            answers.end()
        # What comes up in a decoder may have any name.
        except Exception as error:
            answers.fault({"type": type(error).__name__, "errno": getattr(error, "errno", None)})


def _received(leash: int) -> tuple[Any, ...]:
    connection = socket.socket(fileno=leash)
    try:
        message, descriptors, _, _ = socket.recv_fds(connection, MOST_REQUEST, DESCRIPTORS)
        return json.loads(message), *descriptors
    finally:
        connection.detach()
