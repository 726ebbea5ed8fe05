"""Networks in 8 bits: faster on processors, for a little accuracy that is measured before anything is kept.

Convolutions become static int8 (QDQ, a scale for every output channel), calibrated on the windows of real recordings.
Networks without any have their LSTM layers quantised dynamically, all but the first: what comes from the front end
spans too wide a range for 8 bits, and quantising the first layer of GE2E left a cosine of 0.49 to its own vectors.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from onnx_models.families import Window
from onnx_models.wide_sums import adds_in_32_bits
from schemas.errors import ConfigurationError


def quantised(graph: Path, windows: Sequence[Window]) -> tuple[bytes, str]:
    """The network of the file `graph` in 8 bits, and what was done in words; `windows` are of real speech.

    The same file and windows give the same bytes. Raises ConfigurationError for a network without layers to quantise.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        prepared, done = Path(folder) / "prepared.onnx", Path(folder) / "quantised.onnx"
        _prepare(graph, prepared)
        layers = [(node.name, node.op_type) for node in onnx.load(prepared).graph.node]
        convolutions = [name for name, kind in layers if kind == "Conv"]
        recurrent = [name for name, kind in layers if kind == "LSTM"]
        if convolutions:
            how = f"static int8 of {len(convolutions)} convolutions, calibrated on {len(windows)} windows"
            _static(prepared, done, windows)
        elif len(recurrent) > 1:
            how = f"dynamic int8 of {len(recurrent) - 1} LSTM layers, all but the first"
            quantization.quantize_dynamic(
                prepared,
                done,
                op_types_to_quantize=["LSTM"],
                nodes_to_exclude=recurrent[:1],
                # One scale for all gates leaves GE2E a cosine of 0.993, one for each channel 0.999.
                per_channel=True,
                reduce_range=not adds_in_32_bits(),
                weight_type=quantization.QuantType.QInt8,
            )
        else:
            raise ConfigurationError(
                f"{graph.name} has no convolutions and no LSTM layers but a first one: nothing in it that 8 bits serve"
            )
        # Written anew: the tool's own serialisation may order maps differently every time.
        return bytes(onnx.load(done).SerializeToString(deterministic=True)), how


def _prepare(graph: Path, prepared: Path) -> None:
    """Folds what can be folded into the convolutions, and gives every node a name to be excluded by."""
    quant_pre_process(graph, prepared, skip_symbolic_shape=True)
    model = onnx.load(prepared)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}.{number}"
    onnx.save(model, prepared)


def _static(prepared: Path, done: Path, windows: Sequence[Window]) -> None:
    quantization.quantize_static(
        prepared,
        done,
        _Windows([node.name for node in _inputs(prepared)], windows),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        per_channel=True,
        reduce_range=not adds_in_32_bits(),
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def _inputs(path: Path) -> list[Any]:
    model = onnx.load(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    return [port for port in model.graph.input if port.name not in constants]


class _Windows(quantization.CalibrationDataReader):  # type: ignore[misc]  # comes without types
    """One window after the other, as batches of one."""

    def __init__(self, inputs: Sequence[str], windows: Sequence[Window]) -> None:
        self._fed = ({name: part[np.newaxis] for name, part in zip(inputs, window, strict=True)} for window in windows)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._fed, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """The tools give advice on the root logger that is meant for whoever calls them from a script."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
