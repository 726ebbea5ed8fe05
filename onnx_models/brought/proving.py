"""The first look into a brought graph, its first load and its first run: in a child process that may do little.

What the child answers is not trusted either: it is short, and checked like anything else that comes from outside.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from onnx_models.brought.inspection import Inspected
from schemas.errors import ConfigurationError

_T = TypeVar("_T")
# Less than a pipe holds: a child that says more waits until its time is up.
_MOST_ANSWER = 65_536
_MOST_FAULT = 600
_PROGRAM = """
import sys
sys.path.append({packages!r})
from onnx_models.brought.proving_child import main
main()
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use. Of `memory_bytes`, which is address space, `memory_per_byte` come on top for each of the
    file's. The largest speaker networks need a third of the memory and a tenth of the time.
    """

    seconds: float = 300
    processor_seconds: int = 200
    memory_bytes: int = 4 << 30
    memory_per_byte: int = 5


@dataclass(frozen=True, slots=True)
class Use:
    """How a network is fed and read, as its card will say; `output` is a name or position."""

    family: str
    family_options: Mapping[str, int | float | str | bool]
    sample_rate: int
    window_seconds: float
    hop_seconds: float
    output: str | int


@dataclass(frozen=True, slots=True)
class Proof:
    """What made-up recordings showed: the length of the vectors, and whether windows that go through the network
    together get the vectors that each gets alone.
    """

    dimension: int
    batches: bool


def inspect(content: bytes, limits: Limits | None = None) -> Inspected:
    """`inspection.inspect` in a limited child process. Raises ConfigurationError with the cause and the cure."""
    return _answered(TypeAdapter(Inspected), content, {"job": "inspect"}, limits or Limits())


def prove(content: bytes, use: Use, limits: Limits | None = None) -> Proof:
    """Loads the serialised graph `content` in a limited child process and runs made-up recordings through it.

    They are shorter and longer than a window. Raises ConfigurationError for a graph that does not load or run within
    the limits, or whose vectors are not finite float32 of one length, the same bits every time, and different for
    different recordings.
    """
    return _answered(TypeAdapter(Proof), content, {"job": "prove", "use": asdict(use)}, limits or Limits())


def _answered(expected: TypeAdapter[_T], content: bytes, task: Mapping[str, Any], limits: Limits) -> _T:
    memory = limits.memory_bytes + limits.memory_per_byte * len(content)
    code, answer = _run(content, dict(task) | {"memory": memory, "processor_seconds": limits.processor_seconds}, limits)
    refused = "the network was tried in a process of its own, which"
    if code is None:
        raise ConfigurationError(f"{refused} was stopped after {limits.seconds:g} seconds; bring a smaller network")
    if code == -signal.SIGXCPU:
        raise ConfigurationError(
            f"{refused} used up its {limits.processor_seconds} seconds of processor time; bring a smaller network"
        )
    if code != 0:
        ending = signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"
        raise ConfigurationError(
            f"{refused} ended with {ending}: the graph is damaged, or needs more than {memory >> 20:,} MiB of memory; "
            "export it again"
        )
    try:
        fault = json.loads(answer).get("fault")
        if fault is None:
            return expected.validate_json(answer, strict=True)
    except (ValueError, ValidationError, AttributeError, RecursionError) as error:
        raise ConfigurationError(f"{refused} answered nonsense; do not trust this file") from error
    raise ConfigurationError(_plain(str(fault)))


def _run(content: bytes, task: Mapping[str, Any], limits: Limits) -> tuple[int | None, bytes]:
    """The child's exit code, None when its time was up, and the first of what it said."""
    command = [sys.executable, "-I", "-c", _PROGRAM.format(packages=str(Path(__file__).parents[1])), json.dumps(task)]
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        # BLAS would reserve memory for a thread on every core.
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        feeding = threading.Thread(target=_feed, args=(process.stdin, content), daemon=True)
        feeding.start()
        code: int | None = None
        try:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(limits.seconds)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            feeding.join()
        os.set_blocking(process.stdout.fileno(), False)
        return code, process.stdout.read(_MOST_ANSWER) or b""


def _feed(pipe: Any, content: bytes) -> None:
    # The child may end without having read everything.
    with suppress(OSError), pipe:
        pipe.write(content)


def _plain(text: str) -> str:
    """`text` of a stranger on one line, short, and without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_MOST_FAULT]
