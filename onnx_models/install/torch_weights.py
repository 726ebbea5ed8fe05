"""Tensors out of PyTorch's legacy (non-zip) checkpoint format, without PyTorch.

Such a file is a row of pickles (magic number, protocol version, facts about the writing machine, the object, the list
of storage keys) followed by the raw storages, each behind its number of values as a little-endian int64. A pickle can
name any function to call; this reader knows the few names below and refuses all others.
"""

import io
import pickle  # nosec: every name a pickle asks for goes through `_Unpickler.find_class`
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


class WeightsError(ValueError):
    """The file is not a legacy checkpoint, or asks for what this reader does not do."""


class _FloatStorage:
    """Stands for `torch.FloatStorage`, the only kind of storage that is read."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view into a storage whose values come later in the file."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, storages: dict[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        values = storages[self.storage]
        contiguous = tuple(int(np.prod(self.shape[axis + 1 :], dtype=np.int64)) for axis in range(len(self.shape)))
        count = int(np.prod(self.shape, dtype=np.int64))
        if self.strides != contiguous or self.offset < 0 or self.offset + count > values.size:
            raise WeightsError("a tensor is not a contiguous part of its storage")
        return values[self.offset : self.offset + count].reshape(self.shape)


def _rebuild_tensor(
    storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_gradient: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "FloatStorage"): _FloatStorage,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise WeightsError(f"the weights ask for {module}.{name}, which is not allowed") from None

    def persistent_load(self, reference: Any) -> str:
        """References are ("storage", type, key, device, number of values, view)."""
        match reference:
            case ("storage", kind, str(key), *_) if kind is _FloatStorage:
                return key
        raise WeightsError("the weights refer to something that is not a float32 storage")


def read_legacy_checkpoint(content: bytes) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of the checkpoint's `model_state` by name, float32, read-only views of `content`.

    No more memory is taken than `content` has. Raises WeightsError.
    """
    file = io.BytesIO(content)
    try:
        magic, protocol, machine, checkpoint, keys = (_Unpickler(file).load() for _ in range(5))
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise error if isinstance(error, WeightsError) else WeightsError("this is no legacy checkpoint") from error
    if magic != _MAGIC or protocol != _PROTOCOL or not machine.get("little_endian"):
        raise WeightsError("this is no little-endian legacy checkpoint of version 1001")
    storages = _read_storages(content, file.tell(), keys)
    state = checkpoint["model_state"]
    return {name: tensor.array(storages) for name, tensor in state.items() if isinstance(tensor, _Tensor)}


def _read_storages(content: bytes, position: int, keys: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
    storages = {}
    for key in keys:
        count = int.from_bytes(content[position : position + 8], "little")
        position += 8
        if position + 4 * count > len(content):
            raise WeightsError("the weights end before their last storage")
        storages[key] = np.frombuffer(content, dtype="<f4", count=count, offset=position)
        position += 4 * count
    return storages
