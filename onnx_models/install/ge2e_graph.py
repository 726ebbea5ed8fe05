"""The ONNX graph of the GE2E speaker encoder from its weights.

Wan, Wang, Papir, Lopez Moreno, "Generalized end-to-end loss for speaker verification", ICASSP 2018; the layer sizes
are those of Resemblyzer: three LSTM layers of 256, the last hidden state through a linear layer and a ReLU, then unit
length.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnx_models.install import ge2e_int8

LAYERS, HIDDEN, BANDS = 3, 256, 40
# Pinned, so that one set of weights gives one file whichever version of the onnx package writes it.
_OPSET, _IR_VERSION = 17, 8
# Keeps the network's answer finite where the ReLU leaves nothing.
_SMALLEST_NORM = 1e-12

Weights = Mapping[str, npt.NDArray[np.float32]]


def build(weights: Weights, *, int8: bool = False) -> bytes:
    """The serialised graph: `mels` float32 (batch, frames, 40) to `embedding` float32 (batch, 256), unit rows.

    `weights` are named as PyTorch names them; with `int8` those of all layers but the first are of 8 bits. The same
    weights always give the same bytes. Raises KeyError for a missing weight and ValueError for one of another shape.
    """
    initializers = [
        _constant("first_axis", np.array([0], np.int64)),
        _constant("directions_axis", np.array([1], np.int64)),
        _constant("smallest_norm", np.array(_SMALLEST_NORM, np.float32)),
        _constant("linear_weight", _take(weights, "linear.weight", (HIDDEN, HIDDEN))),
        _constant("linear_bias", _take(weights, "linear.bias", (HIDDEN,))),
    ]
    # ONNX runs time first: (frames, batch, bands).
    nodes = [helper.make_node("Transpose", ["mels"], ["layer0_in"], perm=[1, 0, 2])]
    for layer in range(LAYERS):
        sequence = f"layer{layer}_out"
        node, constants = _layer(weights, layer, [sequence, f"layer{layer}_last"], int8=int8 and layer > 0)
        nodes.append(node)
        initializers += constants
        if layer + 1 < LAYERS:
            nodes.append(helper.make_node("Squeeze", [sequence, "directions_axis"], [f"layer{layer + 1}_in"]))
    nodes += [
        helper.make_node("Squeeze", [f"layer{LAYERS - 1}_last", "first_axis"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "linear_weight", "linear_bias"], ["projected"], transB=1),
        helper.make_node("Relu", ["projected"], ["positive"]),
        helper.make_node("ReduceL2", ["positive"], ["norm"], axes=[1], keepdims=1),
        helper.make_node("Max", ["norm", "smallest_norm"], ["safe_norm"]),
        helper.make_node("Div", ["positive", "safe_norm"], ["embedding"]),
    ]
    mels = helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["batch", "frames", BANDS])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HIDDEN])
    graph = helper.make_graph(nodes, "ge2e", [mels], [embedding], initializers)
    opsets = [helper.make_opsetid("", _OPSET)]
    if int8:
        opsets.append(helper.make_opsetid(ge2e_int8.DOMAIN, ge2e_int8.OPSET))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="voiceprint")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _layer(
    weights: Weights, number: int, outputs: list[str], *, int8: bool
) -> tuple[onnx.NodeProto, list[onnx.TensorProto]]:
    """The node that runs the LSTM layer `number`, and its constants."""
    layer, width = f"layer{number}", BANDS if number == 0 else HIDDEN
    kernels = (
        _onnx_gates(_take(weights, f"lstm.weight_ih_l{number}", (4 * HIDDEN, width))),
        _onnx_gates(_take(weights, f"lstm.weight_hh_l{number}", (4 * HIDDEN, HIDDEN))),
    )
    biases = [_onnx_gates(_take(weights, f"lstm.bias_{part}_l{number}", (4 * HIDDEN,))) for part in ("ih", "hh")]
    bias = _constant(f"{layer}_b", np.concatenate(biases)[np.newaxis])
    if int8:
        node, constants = ge2e_int8.lstm(layer, kernels, bias.name, outputs, HIDDEN)
    else:
        names = [f"{layer}_w", f"{layer}_r"]
        node = helper.make_node("LSTM", [f"{layer}_in", *names, bias.name], outputs, hidden_size=HIDDEN)
        constants = [_constant(name, kernel[np.newaxis]) for name, kernel in zip(names, kernels, strict=True)]
    return node, [*constants, bias]


def _onnx_gates(stacked: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """From PyTorch's order of the four gates (input, forget, cell, output) to that of ONNX (i, o, f, c)."""
    input_gate, forget_gate, cell_gate, output_gate = np.split(stacked, 4)
    return np.concatenate([input_gate, output_gate, forget_gate, cell_gate])


def _take(weights: Weights, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    if weights[name].shape != shape:
        raise ValueError(f"weight {name} has the shape {weights[name].shape}, expected {shape}")
    return weights[name]


def _constant(name: str, values: npt.NDArray[np.generic]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(values), name)
