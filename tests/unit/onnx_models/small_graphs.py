"""Small networks with the inputs and outputs of the public speaker models, and random weights.

Every graph pools over time, takes any batch and any length, and gives the same vector for a recording whatever else is
in the batch. What a network has learnt is not tested with these; how it is fed, installed and read is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BANDS = 80
HIDDEN = 24
SPEAKERS = 10
_OPSET, _IR_VERSION = 17, 8

Metadata = Mapping[str, str]
# What k2-fsa's exports say of themselves.
EXPORTED = {"framework": "wespeaker", "sample_rate": "16000", "output_dim": "256"}


def sums() -> onnx.ModelProto:
    """`sum` [B, 1] of `x` [B, n]."""
    node = helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=1)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    graph = helper.make_graph([node], "sums", [_float("x", ["B", "n"])], [_float("sum", ["B", 1])], [axes])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def wespeaker(dimension: int = 256, seed: int = 0, metadata: Metadata | None = None) -> onnx.ModelProto:
    """As WeSpeaker exports: `feats` [B, T, 80] to `embs` [B, dimension]."""
    return _filter_bank("feats", "embs", dimension, seed, metadata)


def three_d_speaker(dimension: int = 192, seed: int = 0, metadata: Metadata | None = None) -> onnx.ModelProto:
    """As 3D-Speaker exports: `x` [N, T, 80] to `embedding` [N, dimension]."""
    return _filter_bank("x", "embedding", dimension, seed, metadata)


def nemo(dimension: int = 192, seed: int = 0, metadata: Metadata | None = None) -> onnx.ModelProto:
    """As NeMo exports: `audio_signal` [B, 80, T] and `length` [B] (int64, frames) to `logits` [B, 10], and `embs`.

    Frames from `length` on do not count, as in the originals.
    """
    weights = _Weights(seed)
    nodes = [
        helper.make_node("Transpose", ["audio_signal"], ["frames"], perm=[0, 2, 1]),
        *weights.layer("frames", "hidden", BANDS, HIDDEN),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Shape", ["frames"], ["shape"]),
        helper.make_node("Gather", ["shape", weights.integers("one", 1)], ["total"]),
        helper.make_node("Range", [weights.integers("zero", 0), "total", "one"], ["numbers"]),
        helper.make_node("Unsqueeze", ["length", weights.integers("last", [1])], ["lengths"]),
        helper.make_node("Less", ["numbers", "lengths"], ["counts"]),
        helper.make_node("Cast", ["counts"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", weights.integers("deep", [2])], ["masks"]),
        helper.make_node("Mul", ["active", "masks"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "last"], ["sums"], keepdims=0),
        helper.make_node("Cast", ["lengths"], ["divisors"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["sums", "divisors"], ["pooled"]),
        *weights.layer("pooled", "embs", HIDDEN, dimension),
        *weights.layer("embs", "logits", dimension, SPEAKERS),
    ]
    inputs = [
        _float("audio_signal", ["B", BANDS, "T"]),
        helper.make_tensor_value_info("length", TensorProto.INT64, ["B"]),
    ]
    outputs = [_float("logits", ["B", SPEAKERS]), _float("embs", ["B", dimension])]
    return _model(nodes, inputs, outputs, weights, metadata)


def waveform(
    dimension: int = 192,
    seed: int = 0,
    metadata: Metadata | None = None,
    *,
    input_name: str = "waveform",
    outputs: Sequence[str] = ("embedding",),
) -> onnx.ModelProto:
    """As waveform models export: `waveform` [B, samples] to `embedding` [B, dimension]; at least 400 samples.

    The last of `outputs` is the embedding; another before it are logits, as WavLM's export has them.
    """
    weights = _Weights(seed)
    nodes = [
        helper.make_node("Unsqueeze", [input_name, weights.integers("channel", [1])], ["channels"]),
        helper.make_node(
            "Conv", ["channels", weights.floats("filters", (HIDDEN, 1, 400), 400)], ["filtered"], strides=[160]
        ),
        helper.make_node("Relu", ["filtered"], ["active"]),
        helper.make_node("ReduceMean", ["active"], ["pooled"], axes=[2], keepdims=0),
        *weights.layer("pooled", outputs[-1], HIDDEN, dimension),
    ]
    for name in outputs[:-1]:
        nodes += weights.layer(outputs[-1], name, dimension, dimension)
    return _model(
        nodes,
        [_float(input_name, ["B", "samples"])],
        [_float(name, ["B", dimension]) for name in outputs],
        weights,
        metadata,
    )


def written(model: onnx.ModelProto, path: Path) -> Path:
    """`path`, with the model in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def digest(content: bytes) -> str:
    """What a card pins: the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class _Weights:
    """Seeded random weights, and the initializers that hold them."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.tensors: list[TensorProto] = []

    def floats(self, name: str, shape: tuple[int, ...], inputs: int) -> str:
        values = self._random.normal(0, inputs**-0.5, shape).astype(np.float32)
        self.tensors.append(numpy_helper.from_array(values, name))
        return name

    def integers(self, name: str, value: int | list[int]) -> str:
        self.tensors.append(numpy_helper.from_array(np.array(value, np.int64), name))
        return name

    def layer(self, source: str, target: str, inputs: int, outputs: int) -> list[onnx.NodeProto]:
        """A linear layer over the last axis."""
        product = f"{target}.product"
        return [
            helper.make_node("MatMul", [source, self.floats(f"{target}.weight", (inputs, outputs), inputs)], [product]),
            helper.make_node("Add", [product, self.floats(f"{target}.bias", (outputs,), 100)], [target]),
        ]


def _filter_bank(source: str, target: str, dimension: int, seed: int, metadata: Metadata | None) -> onnx.ModelProto:
    weights = _Weights(seed)
    nodes = [
        *weights.layer(source, "hidden", BANDS, HIDDEN),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("ReduceMean", ["active"], ["pooled"], axes=[1], keepdims=0),
        *weights.layer("pooled", target, HIDDEN, dimension),
    ]
    return _model(nodes, [_float(source, ["B", "T", BANDS])], [_float(target, ["B", dimension])], weights, metadata)


def _float(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: _Weights,
    metadata: Metadata | None,
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "small", inputs, outputs, weights.tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    return model
