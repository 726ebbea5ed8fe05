"""The parts of a run on the cores of this machine, a process for each."""

import os
import selectors
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from itertools import cycle, islice
from typing import IO, Any

from schemas import json
from schemas.errors import Internal
from tasks.bulk.ledger import Record
from tasks.bulk.means import Means
from tasks.bulk.part import work
from tasks.bulk.run import Progress, Run

# Of processes at one part, which may be killed by whoever watches over memory: it is not given to a third.
_MOST_DEATHS = 2
_END_SECONDS = 5
_PIECE_BYTES = 1 << 16


def done(
    run: Run, means: Means, processes: int, environments: Sequence[Mapping[str, str] | None] = (None,)
) -> Iterator[Progress]:
    """Does the parts that wait, and tells of each; in fewer processes where there is less to do. They are given the
    `environments` by turns, None for ours.

    A process that dies is replaced once for each part. Raises Internal where that does not help, OSError for what is
    said of a file.
    """
    waiting = run.waiting()
    size = sum(run.plan.size(part) for part in waiting)
    worth = min(len(waiting), max(size // run.plan.job.work.PROCESS_BYTES, 1))
    if (processes := min(processes, worth)) > 1:
        yield from _by_children(run, means, deque(waiting), list(islice(cycle(environments), processes)))
        return
    for part in waiting:
        record = work(run.plan, part, run.folder, means)
        yield Progress(part, record.rows, record)


def _by_children(
    run: Run, means: Means, waiting: deque[int], environments: Sequence[Mapping[str, str] | None]
) -> Iterator[Progress]:
    begin = json.encode({"output": run.path, "means": asdict(means)}) + b"\n"
    deaths = Counter[int]()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:

        def start(environment: Mapping[str, str] | None) -> None:
            child = _Child(environment)
            stack.callback(child.end)
            child.send(begin)
            child.give(waiting)
            selector.register(child.said, selectors.EVENT_READ, child)

        for environment in environments:
            start(environment)
        while selector.get_map():
            for key, _ in selector.select():
                one: _Child = key.data
                lines = one.lines()
                if lines is None:
                    selector.unregister(one.said)
                    if (part := one.died_at()) is not None:
                        deaths[part] += 1
                        if deaths[part] == _MOST_DEATHS:
                            raise Internal(
                                f"{deaths[part]} processes died at part {part}, which is {_named(run, part)}; run the "
                                "same again to go on"
                            )
                        waiting.appendleft(part)
                        start(one.environment)
                for told in lines or ():
                    if fault := told.get("fault"):
                        raise Internal(f"part {told['part']}: {fault}")
                    record = Record(**told["record"]) if "record" in told else None
                    if record:
                        one.give(waiting)
                    yield Progress(told["part"], told["rows"], record)


def _named(run: Run, part: int) -> str:
    """A part in words."""
    first, *others = dict.fromkeys(path for path, _ in run.plan.pieces(part))
    return f"of {first}" + (f" and {len(others):,} more" if others else "")


class _Child:
    def __init__(self, environment: Mapping[str, str] | None) -> None:
        self.environment = environment
        self._process = subprocess.Popen(
            # Not from a folder of the same name where the command happens to be run.
            [sys.executable, "-P", "-m", "tasks.bulk.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
        )
        self._part: int | None = None
        self._held = b""

    @property
    def said(self) -> IO[bytes]:
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdout

    def lines(self) -> list[dict[str, Any]] | None:
        """What it has said since, None at its end."""
        piece = os.read(self.said.fileno(), _PIECE_BYTES)
        *ended, self._held = (self._held + piece).split(b"\n")
        return [json.decode(line) for line in ended] if piece else None

    def send(self, line: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101
        # One that has died is told of where its output ends.
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)

    def give(self, waiting: deque[int]) -> None:
        """The next part, or its end."""
        self._part = waiting.popleft() if waiting else None
        if self._part is not None:
            self.send(b"%d\n" % self._part)
        elif self._process.stdin is not None:
            self._process.stdin.close()

    def died_at(self) -> int | None:
        """Of one that has ended: the part that it has left undone."""
        self._process.wait()
        return self._part

    def end(self) -> None:
        self._process.kill()
        self._process.wait(_END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
