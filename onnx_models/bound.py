"""Runs of one network whose inputs and output keep their shape and their place in memory.

A GPU fetches from such memory, and writes to it, without the processor's help once the driver has pinned it.
"""

import ctypes
import logging
import math
import weakref
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)

DRIVER = "libcuda.so.1"
# CU_MEMHOSTREGISTER_PORTABLE: pinned for whatever context works with it, also that of the runtime.
_PORTABLE = 1

Vectors = npt.NDArray[np.float32]


class Bound:
    """`inputs` are the arrays that the network reads: whoever runs it writes to them first. Not for two threads."""

    def __init__(
        self, runtime: Any, names: Sequence[str], output: str, inputs: Sequence[npt.NDArray[Any]], *, pinned: bool
    ) -> None:
        """`runtime` is an onnxruntime.InferenceSession, which has no types; it is run once, and so is warm.

        `names` and `inputs` are its inputs, whose shapes and types stay; `pinned` asks the driver for it.
        """
        self._runtime, self._names, self._output = runtime, names, output
        (first,) = runtime.run([output], dict(zip(names, inputs, strict=True)))
        make = _pinned if pinned else np.zeros
        self.inputs = [make(array.shape, array.dtype) for array in inputs]
        self._vectors: Vectors = make(first.shape, np.dtype(np.float32))
        self._binding = runtime.io_binding()
        self._binding.bind_output(output, "cpu", 0, np.float32, list(first.shape), self._vectors.ctypes.data)
        self.run()

    def run(self) -> Vectors:
        """What the network makes of `inputs`, (windows, dimension), until the next run."""
        for name, array in zip(self._names, self.inputs, strict=True):
            # This is when an input is copied to the device.
            self._binding.bind_cpu_input(name, array)
        self._runtime.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        return self._vectors


def _pinned(shape: Sequence[int], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Zeros in memory that the driver of the first device keeps from moving; in any memory where it does not."""
    array = np.zeros(shape, dtype)
    driver = _driver()
    size = ctypes.c_size_t(math.prod(shape) * dtype.itemsize)
    if driver is not None and driver.cuMemHostRegister_v2(ctypes.c_void_p(array.ctypes.data), size, _PORTABLE) == 0:
        weakref.finalize(array, driver.cuMemHostUnregister, ctypes.c_void_p(array.ctypes.data))
    else:
        log.warning("memory for the GPU could not be pinned: it is copied once more on its way")
    return array


@cache
def _driver() -> ctypes.CDLL | None:
    """The driver, with the context that the runtime works in."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return None
    context = ctypes.c_void_p()
    if driver.cuInit(0) or driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0):
        return None
    return None if driver.cuCtxSetCurrent(context) else driver
