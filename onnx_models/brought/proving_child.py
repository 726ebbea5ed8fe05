"""What runs in the limited child process of `proving`: inspects, or loads and runs, a graph of strangers.

The task comes as JSON in the arguments and the graph on standard input; the answer goes to standard output as JSON,
with a `fault` when the graph is refused.
"""

import ctypes
import json
import os
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_models.brought.made_up_speech import made_up_speech
from schemas.errors import ApplianceError, ConfigurationError

_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_PR_SET_NO_NEW_PRIVS = 38
# While the runtime is imported; afterwards nothing is opened any more.
_FILES = 64
_OUT_OF_MEMORY = "the network needs more than the {:,} MiB of memory that it may have; bring a smaller one"
# Single windows and batches differ by rounding; vectors of unit length.
_TOLERANCE = 1e-3
# Closer than this, recordings of different sound have one and the same vector.
_SAME = 1e-5
_SHORT_SECONDS = 0.5

Vectors = npt.NDArray[np.float32]


def main() -> None:
    """Answers one task and ends at once, without tidying up what a graph may have damaged."""
    task: dict[str, Any] = json.loads(sys.argv[1])
    memory: int = task["memory"]
    _confine(memory, task["processor_seconds"])
    try:
        answer = _inspected() if task["job"] == "inspect" else _proved(task["use"])
    except ApplianceError as error:
        answer = {"fault": error.message}
    # A fault of the graph may come up anywhere below, under any name.
    except Exception as error:
        answer = {"fault": f"the network could not be run: {type(error).__name__}: {error}"}
    if _wants_memory(str(answer.get("fault", ""))):
        answer = {"fault": _OUT_OF_MEMORY.format(memory >> 20)}
    os.write(1, json.dumps(answer).encode()[:65_536])
    os._exit(0)


def _confine(memory: int, processor_seconds: int) -> None:
    """Nothing may be written, no program gain rights, no memory and time go beyond; it ends with its parent."""
    limits = {
        "RLIMIT_AS": memory,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": _FILES,
    }
    for name, most in limits.items():
        # Some systems know fewer limits, or allow less from the start.
        with suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (most, most))
    # With something between the two limits, the first one ends it by a signal of its own.
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _seal() -> None:
    """From here on no file and no connection can be opened, nor a process started where the system counts them."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    with suppress(AttributeError, ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _wants_memory(fault: str) -> bool:
    words = ("MemoryError", "bad_alloc", "bad allocation", "allocate memory", "BFCArena", "Unable to allocate")
    return any(word in fault for word in words)


def _inspected() -> dict[str, Any]:
    import google.protobuf.message  # noqa: F401, PLC0415
    import onnx  # noqa: F401, PLC0415

    from onnx_models.brought import inspection  # noqa: PLC0415

    _seal()
    return asdict(inspection.inspect(sys.stdin.buffer.read()))


def _proved(use: Mapping[str, Any]) -> dict[str, Any]:
    from onnx_models.families import Framing, open_family  # noqa: PLC0415
    from onnx_models.session import open_session  # noqa: PLC0415

    framing = Framing(use["sample_rate"], use["window_seconds"], use["hop_seconds"])
    new_front_end = open_family(use["family"], framing, use["family_options"])

    def windows(pitch: float, seconds: float) -> list[tuple[npt.NDArray[Any], ...]]:
        front_end = new_front_end()
        return [*front_end.push(made_up_speech(pitch, seconds, framing.sample_rate)), *front_end.finish()]

    long = framing.window_seconds + framing.hop_seconds
    low, high, short = windows(110.0, long), windows(210.0, long)[:1], windows(160.0, _SHORT_SECONDS)
    _seal()
    network = open_session(sys.stdin.buffer.read(), "cpu")
    if len(network.inputs) != len(low[0]):
        raise ConfigurationError(
            f"the network has {len(network.inputs)} inputs, and front end {use['family']!r} gives {len(low[0])}; "
            "choose another with --family"
        )
    if isinstance(use["output"], int) and use["output"] >= len(network.outputs):
        raise ConfigurationError(f"the network has {len(network.outputs)} outputs, and none at {use['output']}")
    output = use["output"] if isinstance(use["output"], str) else network.outputs[use["output"]]

    def run(batch: list[tuple[npt.NDArray[Any], ...]]) -> Vectors:
        stacked = {
            name: np.stack(values) for name, values in zip(network.inputs, zip(*batch, strict=True), strict=True)
        }
        return _checked(network.run((output,), stacked)[0], len(batch))

    single = np.concatenate([run([window]) for window in low])
    if single.tobytes() != np.concatenate([run([window]) for window in low]).tobytes():
        raise ConfigurationError(
            "the network gives another vector every time; export it for inference, without dropout"
        )
    other = run(high)
    if np.abs(_unit(single[:1]) - _unit(other)).max() < _SAME:
        raise ConfigurationError("the network gives different recordings the same vector; choose another --output")
    try:
        run(short[:1])
    except Exception as error:
        raise ConfigurationError(
            f"the network takes only windows of one length, not {_SHORT_SECONDS:g} s of speech; export it with a "
            f"dynamic time axis ({error})"
        ) from error
    # Two voices: what one does to the other shows better than what a voice does to itself.
    both = np.concatenate([single, other])
    return {"dimension": single.shape[1], "batches": _same_together(run, low + high, both)}


def _same_together(run: Any, windows: list[tuple[npt.NDArray[Any], ...]], single: Vectors) -> bool:
    """Whether windows may share a batch; the network may also refuse more than one."""
    try:
        together = run(windows)
    except Exception:
        return False
    return bool(np.abs(_unit(together) - _unit(single)).max() < _TOLERANCE)


def _checked(vectors: Any, count: int) -> Vectors:
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32:
        raise ConfigurationError("the network's output is not float32; export it so, or choose another --output")
    if vectors.ndim != 2 or vectors.shape[0] != count or vectors.shape[1] < 2:
        raise ConfigurationError(
            f"the network's output for {count} windows has the shape {vectors.shape}, expected ({count}, dimension); "
            "choose another --output"
        )
    if not np.isfinite(vectors).all():
        raise ConfigurationError("the network's vectors are not finite; it is damaged, or another --family fits it")
    if not np.abs(vectors).max(axis=1).all():
        raise ConfigurationError("the network gives vectors of zeros only; it is damaged, or another --family fits it")
    return vectors


def _unit(vectors: Vectors) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    unit: npt.NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit
