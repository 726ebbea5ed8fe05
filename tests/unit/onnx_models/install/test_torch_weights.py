"""Reading legacy checkpoints without PyTorch."""

import io
import pickle
import struct
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from onnx_models.install.torch_weights import WeightsError, read_legacy_checkpoint

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
MACHINE = {"protocol_version": PROTOCOL, "little_endian": True}
STORAGE = np.arange(10, dtype="<f4")


class Named:
    """Pickles as the global `module.name`, which need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Tensor:
    """Pickles as PyTorch pickles a tensor over the one storage."""

    def __init__(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.place = (offset, shape, strides)


class CheckpointPickler(pickle._Pickler):  # type: ignore[name-defined,misc]
    """The pure Python pickler, whose save can be told to name what is not importable."""

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, str) and value == "the storage":
            return ("storage", Named("torch", "FloatStorage"), "0", "cpu", STORAGE.size, None)
        return None

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if isinstance(value, Named):
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Tensor):
            self.save(Named("torch._utils", "_rebuild_tensor_v2"))
            super().save(("the storage", *value.place, False, OrderedDict()))
            self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def checkpoint(state: object, magic: int = MAGIC, machine: object = MACHINE, values: bytes | None = None) -> bytes:
    file = io.BytesIO()
    for value in (magic, PROTOCOL, machine, {"step": 3, "model_state": state}, ["0"]):
        CheckpointPickler(file, protocol=2).dump(value)
    return file.getvalue() + struct.pack("<q", STORAGE.size) + (STORAGE.tobytes() if values is None else values)


def test_tensors_are_read_by_name() -> None:
    """Tensors come out with their shapes, from their places in the storage."""
    weights = read_legacy_checkpoint(checkpoint(OrderedDict(a=Tensor(4, (2, 3), (3, 1)), b=Tensor(0, (4,), (1,)))))
    np.testing.assert_array_equal(weights["a"], [[4, 5, 6], [7, 8, 9]])
    np.testing.assert_array_equal(weights["b"], [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("collections", "Counter")]
)
def test_foreign_globals_are_refused(module: str, name: str) -> None:
    """A name that is not needed is refused before it is imported."""
    with pytest.raises(WeightsError, match=f"{module}.{name}"):
        read_legacy_checkpoint(checkpoint({"a": Named(module, name)}))


def test_calls_are_refused() -> None:
    """A pickle that would call a function of the system stops at the function's name."""

    class Attack:
        def __reduce__(self) -> Any:
            return print, ("called",)

    with pytest.raises(WeightsError, match="print"):
        read_legacy_checkpoint(checkpoint({"a": Attack()}))


@pytest.mark.parametrize(
    "tensor", [Tensor(5, (2, 3), (3, 1)), Tensor(-1, (2,), (1,)), Tensor(0, (2, 3), (1, 2)), Tensor(0, (2, 3), (0, 0))]
)
def test_tensors_outside_their_storage_are_refused(tensor: Tensor) -> None:
    """A tensor that reaches beyond its storage or is laid out otherwise is refused."""
    with pytest.raises(WeightsError, match="contiguous"):
        read_legacy_checkpoint(checkpoint({"a": tensor}))


def test_truncated_weights_are_refused() -> None:
    """Weights that end within a storage are refused."""
    with pytest.raises(WeightsError, match="end before"):
        read_legacy_checkpoint(checkpoint({}, values=STORAGE.tobytes()[:-1]))


@pytest.mark.parametrize(
    "content",
    [b"", b"no pickle", checkpoint({}, magic=1), checkpoint({}, machine={"little_endian": False}), checkpoint({})[:40]],
)
def test_other_files_are_refused(content: bytes) -> None:
    """What is no legacy checkpoint is refused as such."""
    with pytest.raises(WeightsError, match="legacy checkpoint"):
        read_legacy_checkpoint(content)
