"""How much memory of this process's GPU is in use, by NVIDIA's management library, which comes with the driver.

The runtime tells nothing of it, and the driver only of a context of one's own, which would take memory itself.
"""

import ctypes
import uuid

from onnx_models.bound import DRIVER

_LIBRARY = "libnvidia-ml.so.1"
_UUID_BYTES = 16


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def used_and_total() -> dict[str, tuple[int, int]]:
    """Bytes in use, by whomever, and in all, of the GPU that networks run on, by its UUID; empty where nobody tells."""
    try:
        driver, management = ctypes.CDLL(DRIVER), ctypes.CDLL(_LIBRARY)
    except OSError:
        return {}
    number = (ctypes.c_byte * _UUID_BYTES)()
    if driver.cuInit(0) or driver.cuDeviceGetUuid_v2(number, 0) or management.nvmlInit_v2():
        return {}
    found = uuid.UUID(bytes=bytes(number))
    # A part of a GPU, made by MIG, is a device of its own.
    for name in (f"GPU-{found}", f"MIG-{found}"):
        handle, memory = ctypes.c_void_p(), _Memory()
        unknown = management.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle))
        if not unknown and not management.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
            return {name: (memory.used, memory.total)}
    return {}
