"""The weights of a head: an .npz file with `weight_0` (outputs, inputs) and `bias_0` (outputs,), then `weight_1` and so
on, all float32. Between two layers is a ReLU; the last one has one output. A linear head is one layer.

A brought file is hostile input: it is bounded before it is unpacked, nothing in it is executed, and no array is made
that its bytes do not fill.
"""

import hashlib
import io
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from schemas import plain_file
from schemas.errors import ConfigurationError

MOST_BYTES = 16 << 20
MOST_LAYERS = 8
# Larger weights are none that training gave; eight layers of these stay far within a float64.
_LARGEST = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """`weight` (outputs, inputs) and `bias` (outputs,), float64 for exact sums of float32 values."""

    weight: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]


def read_layers(path: Path, sha256: str) -> tuple[Layer, ...]:
    """The layers in the file at `path`. Raises ConfigurationError when it is missing, altered or not such a file."""
    content = read_weights(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigurationError(f"{path} is not what its card says: its SHA-256 is {found}, expected {sha256}")
    try:
        return layers(content)
    except ValueError as error:
        raise ConfigurationError(f"{path} does not hold the weights of a head: {error}") from error


def read_weights(path: Path) -> bytes:
    """The file's bytes. Raises ConfigurationError when it cannot be read or has more than `MOST_BYTES`."""
    try:
        return plain_file.read(path, MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"the weights {path} cannot be read: {error.strerror}") from error


def pack(found: Sequence[tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]]) -> bytes:
    """The file for layers of weight (outputs, inputs) and bias (outputs,); the same bytes for the same values."""
    file = io.BytesIO()
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for number, (weight, bias) in enumerate(found):
        arrays |= {f"weight_{number}": weight.astype("<f4"), f"bias_{number}": bias.astype("<f4")}
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def layers(content: bytes) -> tuple[Layer, ...]:
    """The layers in the bytes of a file. Raises ValueError with what is wrong."""
    arrays = _arrays(content)
    count = len(arrays) // 2
    names = [f"{part}_{number}" for number in range(count) for part in ("weight", "bias")]
    if not count or set(names) != set(arrays):
        raise ValueError("it must hold weight_0 and bias_0, weight_1 and bias_1 and so on, and nothing else")
    found = tuple(Layer(arrays[f"weight_{number}"], arrays[f"bias_{number}"]) for number in range(count))
    outputs = None
    for number, layer in enumerate(found):
        if layer.weight.ndim != 2 or layer.bias.shape != layer.weight.shape[:1] or not layer.weight.size:
            raise ValueError(f"weight_{number} must be (outputs, inputs) and bias_{number} (outputs,)")
        if outputs not in (None, layer.weight.shape[1]):
            raise ValueError(f"weight_{number} takes {layer.weight.shape[1]} values, the layer before gives {outputs}")
        outputs = layer.weight.shape[0]
    if outputs != 1:
        raise ValueError(f"its last layer must have one output, not {outputs}")
    return found


def _arrays(content: bytes) -> dict[str, npt.NDArray[np.float64]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > 2 * MOST_LAYERS:
                raise ValueError(f"it has more than {MOST_LAYERS} layers")
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise ValueError(f"unpacked it has more than {MOST_BYTES} bytes")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except (zipfile.BadZipFile, EOFError, RuntimeError, OSError, zlib.error) as error:
        raise ValueError(f"it is no .npz file: {error}") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[np.float64]:
    with archive.open(member) as file:
        raw = file.read(MOST_BYTES + 1)
    stream = io.BytesIO(raw)
    if npy.read_magic(stream) != (1, 0):
        raise ValueError(f"{member.filename} is not an .npy file of version 1.0")
    try:
        shape, column_wise, kind = npy.read_array_header_1_0(stream)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError) as error:
        raise ValueError(f"{member.filename} has a header that cannot be read") from error
    values = raw[stream.tell() :]
    if kind != np.dtype("<f4") or (column_wise and len(shape) > 1):
        raise ValueError(f"{member.filename} must be float32, row after row")
    if any(length <= 0 for length in shape) or len(values) != 4 * int(np.prod(shape, dtype=object)):
        raise ValueError(f"{member.filename} has {len(values)} bytes, not those of its shape {shape}")
    numbers = np.frombuffer(values, "<f4").reshape(shape).astype(np.float64)
    # NaN compares as false.
    if not (np.abs(numbers) <= _LARGEST).all():
        raise ValueError(f"{member.filename} holds numbers that are not finite or beyond {_LARGEST:g}")
    return numbers
