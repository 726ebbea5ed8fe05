"""LSTM layers of the GE2E graph in 8 bits, for processors.

The weights become whole numbers with a scale for each gate of each unit; what comes from the layer before is brought to
8 bits while the network runs, by its range in the batch. One scale for all gates leaves a cosine of 0.993 to the
network's own vectors, one for each 0.9995. Only layers whose input lies between -1 and 1 stand it: the first one hears
powers, which span many orders, and would leave 0.49.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

# Where the runtime keeps its operators that are not ONNX's own, and their version.
DOMAIN, OPSET = "com.microsoft", 1
_LARGEST = 127

Weights = npt.NDArray[np.float32]


def lstm(
    layer: str, weights: tuple[Weights, Weights], bias: str, outputs: list[str], hidden: int
) -> tuple[onnx.NodeProto, list[onnx.TensorProto]]:
    """The node that runs `layer`, which reads `<layer>_in`, and its constants.

    `weights` are those for the input and for the layer's own last output, (4 * hidden, inputs) each with the gates in
    ONNX's order; `bias` is the name of a constant, as ONNX's LSTM takes it.
    """
    constants, scaled = [], []
    for part, values in zip("wr", weights, strict=True):
        whole, scales = quantised(values)
        name, scale, zero_point = (f"{layer}_{part}{what}" for what in ("", "_scale", "_zero_point"))
        constants += [
            numpy_helper.from_array(whole[np.newaxis], name),
            numpy_helper.from_array(scales[np.newaxis], scale),
            numpy_helper.from_array(np.zeros((1, len(scales)), np.int8), zero_point),
        ]
        scaled += [scale, zero_point]
    absent = [""] * 4  # lengths, first states and peepholes
    inputs = [f"{layer}_in", f"{layer}_w", f"{layer}_r", bias, *absent, *scaled]
    return helper.make_node("DynamicQuantizeLSTM", inputs, outputs, domain=DOMAIN, hidden_size=hidden), constants


def quantised(weights: Weights) -> tuple[npt.NDArray[np.int8], Weights]:
    """`weights` (units, inputs) as whole numbers (inputs, units) from -127 to 127, and what one step is worth for each
    unit (units,). Every machine computes the same ones."""
    largest = np.abs(weights).max(axis=1)
    largest[largest == 0] = 1
    scales: Weights = largest / np.float32(_LARGEST)
    whole = np.rint(weights / scales[:, np.newaxis]).astype(np.int8)
    return np.ascontiguousarray(whole.T), scales
