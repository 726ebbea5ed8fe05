"""The runtime behind one Protocol: the only file that runs networks with onnxruntime."""

import ctypes
import io
import logging
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime

from onnx_models.bound import DRIVER, Bound
from onnx_models.wide_sums import adds_in_32_bits
from schemas.errors import ConfigurationError

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
_DRIVER = DRIVER
_CUDA_CURE = "pip install 'voiceprint-appliance[gpu]'"
_ERRORS, _FATAL = 3, 4
# HEURISTIC: the exhaustive search of the default costs 0.3 to 1.3 s for every new input shape.
_CUDA_OPTIONS = {"device_id": "0", "cudnn_conv_algo_search": "HEURISTIC"}
# Products of 8 bits keep their sums on any processor. It costs half the speed, also where they would anyway.
_EXACT_SUMS = "session.x64quantprecision"

# The runtime warns about GPUs it does not find; on a machine without one that is news to nobody.
onnxruntime.set_default_logger_severity(_ERRORS)


class DeviceUnavailable(ConfigurationError):
    """The device that was asked for is not here; the message names those that are, and the cure."""


class Session(Protocol):
    """A network that is ready to run."""

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The graph's inputs by name, in its order."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The graph's outputs by name, in its order."""

    def run(self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """The named outputs for the named inputs, batch first."""


@dataclass(frozen=True, slots=True)
class OnnxSession:
    """A graph on a device. Threads may run it side by side.

    `session` is an onnxruntime.InferenceSession, which has no types.
    """

    session: Any
    device: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        results: list[npt.NDArray[np.float32]] = self.session.run(list(outputs), dict(inputs))
        return results

    def bound(self, output: str, inputs: Sequence[npt.NDArray[Any]]) -> Bound:
        """Runs for `output` whose inputs have the shapes and types of `inputs`, in the graph's order."""
        return Bound(self.session, self.inputs, output, inputs, pinned=self.device != "cpu")


@dataclass(frozen=True, slots=True)
class NoNetwork:
    """For front ends whose windows are vectors already."""

    device: str = "cpu"
    inputs: tuple[str, ...] = ("vectors",)
    outputs: tuple[str, ...] = ("vectors",)

    def run(self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        return [inputs[name] for name in outputs]


def open_session(path: Path | bytes, device: str = "auto") -> OnnxSession:
    """The graph at `path`, or the graph itself, on `device`; `auto` takes CUDA where it works and the CPU elsewhere.

    A run keeps to the thread that calls it: several runs side by side scale, several threads within one operator do
    not. Raises DeviceUnavailable, or ConfigurationError for a graph that cannot be loaded.
    """
    if device not in get_args(Device):
        raise ConfigurationError(f"device {device!r} is unknown; choose one of {', '.join(get_args(Device))}")
    if device == "cpu":
        return _open(path, [])
    fault = _cuda_fault()
    if fault is None:
        session = _open_on_cuda(path)
        if session is not None:
            return session
        fault = f"its libraries for the GPU could not be loaded; {_CUDA_CURE}"
        if device == "auto":
            log.warning("a GPU is present but unused, and the CPU works instead: %s", fault)
    if device == "cuda":
        raise DeviceUnavailable(f"device 'cuda' is not available: {fault} (available here: cpu)")
    return _open(path, [])


def cuda_devices() -> list[str]:
    """The names of the CUDA devices the driver shows, without loading any CUDA library but the driver."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return []
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    names = []
    for device in range(count.value):
        name = ctypes.create_string_buffer(256)
        driver.cuDeviceGetName(name, len(name), device)
        names.append(name.value.decode(errors="replace"))
    return names


def available_devices() -> dict[str, str]:
    """The devices that `device` may name, each with what it is, for people to read."""
    names = cuda_devices() if _cuda_fault() is None else []
    return {"cpu": f"onnxruntime {onnxruntime.__version__}"} | ({"cuda": ", ".join(names)} if names else {})


def _cuda_fault() -> str | None:
    """Why CUDA cannot even be tried, with the cure; None when it can."""
    if not cuda_devices():
        return "no CUDA device is present; use device 'cpu' or 'auto', or check the NVIDIA driver with `nvidia-smi`"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return f"this onnxruntime was built without CUDA; {_CUDA_CURE}"
    return None


def _open_on_cuda(path: Path | bytes) -> OnnxSession | None:
    # Finds the CUDA and cuDNN libraries of the [gpu] extra, which the system's loader does not know. What it does not
    # find it prints to standard output, where results go.
    with redirect_stdout(io.StringIO()) as printed:
        onnxruntime.preload_dlls()
    log.debug("preloading CUDA libraries: %s", printed.getvalue())
    onnxruntime.set_default_logger_severity(_FATAL)
    try:
        session = _open(path, [("CUDAExecutionProvider", _CUDA_OPTIONS)])
    finally:
        onnxruntime.set_default_logger_severity(_ERRORS)
    return session if session.device == "cuda" else None


def _open(path: Path | bytes, providers: list[tuple[str, dict[str, str]]]) -> OnnxSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS
    if not adds_in_32_bits():
        options.add_session_config_entry(_EXACT_SUMS, "1")
    try:
        session = onnxruntime.InferenceSession(
            path if isinstance(path, bytes) else str(path),
            sess_options=options,
            providers=[*providers, "CPUExecutionProvider"],
        )
    # The runtime's own exceptions share no ancestor below Exception.
    except Exception as error:
        name = "the file" if isinstance(path, bytes) else path.name
        raise ConfigurationError(f"{name} could not be loaded as an ONNX graph: {error}") from error
    return OnnxSession(
        session,
        "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu",
        tuple(found.name for found in session.get_inputs()),
        tuple(found.name for found in session.get_outputs()),
    )
