"""An ECAPA-TDNN of 512 channels with random weights, as an ONNX graph that the appliance and sherpa-onnx both read.

Desplanques, Thienpondt, Demuynck, "ECAPA-TDNN: emphasized channel attention, propagation and aggregation in TDNN based
speaker verification", Interspeech 2020, in the form of WeSpeaker's exports. Speed does not depend on weights, and those
of published networks need not be at hand.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

BANDS, CHANNELS, DIMENSION = 80, 512, 192
_SCALE, _BOTTLENECK, _JOINED = 8, 128, 3 * CHANNELS
_OPSET, _IR_VERSION = 17, 8
_SMALLEST_VARIANCE = 1e-7
# What both programs choose their front end by.
_METADATA = {
    "framework": "wespeaker",
    "language": "none",
    "url": "none",
    "comment": "random weights",
    "sample_rate": str(16_000),
    "output_dim": str(DIMENSION),
    "normalize_samples": "0",
    "feature_normalize_type": "global-mean",
    "window_type": "hamming",
}


def build(seed: int = 0) -> bytes:
    """The serialised graph: `feats` float32 (batch, frames, 80) to `embs` float32 (batch, 192). One seed, one file."""
    net = _Net(np.random.default_rng(seed))
    at = net.node("Transpose", "feats", perm=[0, 2, 1])
    at = net.block(at, BANDS, CHANNELS, kernel=5)
    layers = []
    for dilation in (2, 3, 4):
        at = net.residual(at, dilation)
        layers.append(at)
    at = net.node("Relu", net.convolution(net.node("Concat", *layers, axis=1), _JOINED, _JOINED))
    at = net.normalised(net.pooled(at), 2 * _JOINED)
    weight, bias = net.weight((DIMENSION, 2 * _JOINED)), net.constant(np.zeros(DIMENSION, np.float32))
    net.nodes.append(helper.make_node("Gemm", [at, weight, bias], ["embs"], transB=1))
    feats = helper.make_tensor_value_info("feats", TensorProto.FLOAT, ["B", "T", BANDS])
    embs = helper.make_tensor_value_info("embs", TensorProto.FLOAT, ["B", DIMENSION])
    graph = helper.make_graph(net.nodes, "ecapa", [feats], [embs], net.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    helper.set_model_props(model, _METADATA)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Net:
    """Nodes and weights so far. Signals are (batch, channels, frames); layers take and give the names of signals."""

    def __init__(self, random: np.random.Generator) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._random = random

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"signal{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, values: npt.NDArray[np.generic]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def weight(self, shape: tuple[int, ...]) -> str:
        """As large as keeps the level of what passes (He et al. 2015)."""
        deviation = np.sqrt(2 / np.prod(shape[1:]))
        return self.constant(self._random.normal(0, deviation, shape).astype(np.float32))

    def convolution(self, at: str, channels: int, made: int, kernel: int = 1, dilation: int = 1) -> str:
        weight, bias = self.weight((made, channels, kernel)), self.constant(np.zeros(made, np.float32))
        padding = kernel // 2 * dilation
        return self.node("Conv", at, weight, bias, kernel_shape=[kernel], dilations=[dilation], pads=[padding, padding])

    def normalised(self, at: str, channels: int) -> str:
        ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        return self.node("BatchNormalization", at, *map(self.constant, (ones, zeros, zeros, ones)))

    def block(self, at: str, channels: int, made: int, kernel: int = 1, dilation: int = 1) -> str:
        return self.normalised(self.node("Relu", self.convolution(at, channels, made, kernel, dilation)), made)

    def residual(self, before: str, dilation: int) -> str:
        """Res2Net's convolutions of eighths of the channels, one after the other, and squeeze and excitation."""
        at = self.block(before, CHANNELS, CHANNELS)
        width = CHANNELS // _SCALE
        parts = [f"{at}.{part}" for part in range(_SCALE)]
        sizes = self.constant(np.full(_SCALE, width, np.int64))
        self.nodes.append(helper.make_node("Split", [at, sizes], parts, axis=1))
        done = [self.block(parts[0], width, width, kernel=3, dilation=dilation)]
        for part in parts[1:-1]:
            done.append(self.block(self.node("Add", done[-1], part), width, width, kernel=3, dilation=dilation))
        at = self.block(self.node("Concat", *done, parts[-1], axis=1), CHANNELS, CHANNELS)
        squeezed = self.node("ReduceMean", at, axes=[2], keepdims=1)
        squeezed = self.node("Relu", self.convolution(squeezed, CHANNELS, _BOTTLENECK))
        gates = self.node("Sigmoid", self.convolution(squeezed, _BOTTLENECK, CHANNELS))
        return self.node("Add", self.node("Mul", at, gates), before)

    def pooled(self, at: str) -> str:
        """Mean and deviation over time, weighted by attention to the frames: (batch, 2 channels).

        Attention sees every frame beside the plain mean and deviation of all.
        """
        frames = self.node("Shape", at)
        mean = self.node("ReduceMean", at, axes=[2], keepdims=1)
        apart = self.node("Sub", at, mean)
        variance = self.node("ReduceMean", self.node("Mul", apart, apart), axes=[2], keepdims=1)
        context = [self.node("Expand", value, frames) for value in (mean, self._root(variance))]
        seen = self.node("Concat", at, *context, axis=1)
        hidden = self.node("Tanh", self.convolution(seen, 3 * _JOINED, _BOTTLENECK))
        weights = self.node("Softmax", self.convolution(hidden, _BOTTLENECK, _JOINED), axis=2)
        time_axis = self.constant(np.array([2], np.int64))
        mean = self.node("ReduceSum", self.node("Mul", at, weights), time_axis, keepdims=0)
        squares = self.node("ReduceSum", self.node("Mul", self.node("Mul", at, at), weights), time_axis, keepdims=0)
        variance = self.node("Sub", squares, self.node("Mul", mean, mean))
        return self.node("Concat", mean, self._root(variance), axis=1)

    def _root(self, variance: str) -> str:
        least = self.constant(np.array(_SMALLEST_VARIANCE, np.float32))
        return self.node("Sqrt", self.node("Max", variance, least))
