"""The Silero voice activity detector as products of large matrices, from the graph of its authors.

Theirs convolves every frame on its own, in images of four columns, and a runtime is many times slower at that than at
matrix products. Here the frames of a whole call are the rows of every product, and of a spectrum half the
multiplications are left: the two halves of a window are added for the even bins and subtracted for the odd ones (the
first step of decimation in frequency; Gentleman and Sande, "Fast Fourier transforms: for fun and profit", 1966). The
weights, inputs and outputs are the authors' own, and so is the answer but for rounding.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

# The length of an input in samples, 64 of them context, and of the windows that it is cut into, one every half.
INPUT, WINDOW = 576, 256
_HALF = WINDOW // 2
# Windows of one input. The last one reaches 64 samples beyond it, which are mirrored.
_POSITIONS = 4
_BINS = _HALF + 1
_EVEN, _ODD = np.arange(0, _BINS, 2), np.arange(1, _BINS, 2)
# Kernel width of every convolution, and the samples of padding on either side.
_TAPS, _PADDED = 3, 1
HIDDEN = 128
# Of the four convolutions: channels in and out, and stride.
LAYERS = ((_BINS, 128, 1), (128, 64, 2), (64, 64, 2), (64, HIDDEN, 1))
# What the exporter called the weights of the recurrent layer, and their shapes.
LSTM = {
    "onnx::LSTM_209": (1, 4 * HIDDEN, HIDDEN),
    "onnx::LSTM_210": (1, 4 * HIDDEN, HIDDEN),
    "onnx::LSTM_211": (1, 8 * HIDDEN),
}
BASIS = "stft.forward_basis_buffer"
# In single precision, values of at most 1.
_LARGEST_ERROR = 1e-6
# Pinned, so that one set of weights gives one file whichever version of the onnx package writes it.
_OPSET, _IR_VERSION = 17, 8

Array = npt.NDArray[np.float32]


def build(original: bytes) -> bytes:
    """The serialised graph that computes what the graph `original` does, with its inputs `input` float32 (frames, 576),
    `h` and `c` float32 (1, 1, 128), and its outputs `speech_probs` float32 (frames,), `hn` and `cn`.

    The same weights always give the same bytes. Raises KeyError for a missing weight, ValueError for one of another
    shape and for a spectrum that is not that of a Hann window.
    """
    weights = {found.name: numpy_helper.to_array(found) for found in onnx.load_from_string(original).graph.initializer}
    _require_hann(_take(weights, BASIS, (2 * _BINS, 1, WINDOW)))
    graph = _Graph()
    positions = _spectra(graph)
    for layer, (channels_in, channels_out, stride) in enumerate(LAYERS):
        weight = _take(weights, f"encoder.{layer}.weight", (channels_out, channels_in, _TAPS))
        if layer == 0:
            weight = weight[:, np.concatenate([_EVEN, _ODD])]
        bias = _take(weights, f"encoder.{layer}.bias", (channels_out,))
        positions = _convolved(graph, positions, _Convolution(f"encoder{layer}", weight, bias, stride))
    (features,) = positions
    _recurrence(graph, features, weights)
    return graph.serialised()


class _Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], *outputs: str, **attributes: int) -> str:
        """The first of `outputs`."""
        node = helper.make_node(operator, inputs, outputs)
        node.attribute.extend(helper.make_attribute(name, value) for name, value in sorted(attributes.items()))
        self._nodes.append(node)
        return outputs[0]

    def serialised(self) -> bytes:
        def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        state = (1, 1, HIDDEN)
        inputs = [value("input", "frames", INPUT), value("h", *state), value("c", *state)]
        outputs = [value("speech_probs", "frames"), value("hn", *state), value("cn", *state)]
        graph = helper.make_graph(self._nodes, "silero-vad", inputs, outputs, self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION, producer_name="voiceprint"
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def _spectra(graph: _Graph) -> list[str]:
    """The magnitudes of every window, (frames, 129) for each position: the even bins first, then the odd ones."""
    tapered = _tapered_halves(graph)
    rows = graph.constant("rows", [-1, _HALF], np.int64)
    magnitudes = []
    for name, operator, bins in (("even", "Add", _EVEN), ("odd", "Sub", _ODD)):
        folded = graph.node("Reshape", [graph.node(operator, tapered, f"{name}_half"), rows], name)
        magnitudes.append(_magnitudes(graph, name, folded, bins))
    both = graph.node("Concat", magnitudes, "magnitudes", axis=1)
    frames = graph.node("Reshape", [both, graph.constant("frame", [-1, _POSITIONS * _BINS], np.int64)], "spectra")
    positions = [f"spectrum{position}" for position in range(_POSITIONS)]
    graph.node("Split", [frames, graph.constant("split", [_BINS] * _POSITIONS, np.int64)], *positions, axis=1)
    return positions


def _tapered_halves(graph: _Graph) -> list[str]:
    """The first halves of all windows and the second ones, each (frames, 4 x 128), tapered."""

    def cut(start: int, end: int, step: int = 1) -> str:
        name = f"samples{start}"
        bounds = {"start": start, "end": end, "axis": 1, "step": step}
        inputs = [graph.constant(f"{name}_{bound}", [place], np.int64) for bound, place in bounds.items()]
        return graph.node("Slice", ["input", *inputs], name)

    first_halves_end = _POSITIONS * _HALF
    missing = first_halves_end + _HALF - INPUT
    # Mirrored at the last sample, which is not repeated.
    mirrored = cut(INPUT - 2, INPUT - 2 - missing, -1)
    halves = cut(0, first_halves_end), graph.node("Concat", [cut(_HALF, INPUT), mirrored], "later", axis=1)
    tapers = (0.5 - 0.5 * _COSINES).reshape(2, _HALF)
    return [
        graph.node("Mul", [half, graph.constant(f"{half}_taper", np.tile(taper, _POSITIONS))], f"{half}_tapered")
        for half, taper in zip(halves, tapers, strict=True)
    ]


def _magnitudes(graph: _Graph, name: str, half: str, bins: npt.NDArray[np.int_]) -> str:
    """Of `half`, (rows, 128), in the given bins of a transform twice as long."""
    angles = np.outer(np.arange(_HALF), bins)
    squares = []
    # A sine is a cosine a quarter later; its sign is lost in the square.
    for part, turned in (("real", 0), ("imaginary", -WINDOW // 4)):
        weight = graph.constant(f"{name}_{part}_weight", _COSINES[(angles + turned) % WINDOW])
        product = graph.node("MatMul", [half, weight], f"{name}_{part}")
        squares.append(graph.node("Mul", [product, product], f"{name}_{part}_square"))
    return graph.node("Sqrt", [graph.node("Add", squares, f"{name}_power")], f"{name}_magnitudes")


class _Convolution(NamedTuple):
    """`weight` is of shape (channels out, channels in, taps), `bias` (channels out,)."""

    name: str
    weight: Array
    bias: Array
    stride: int


def _convolved(graph: _Graph, positions: Sequence[str], layer: _Convolution) -> list[str]:
    """The positions (frames, channels) that `layer` and a ReLU make of `positions`, each by one product."""
    graph.constant(f"{layer.name}_bias", layer.bias)
    convolved: list[str] = []
    weights: dict[tuple[int, ...], str] = {}
    for first in range(-_PADDED, len(positions) - _TAPS + _PADDED + 1, layer.stride):
        # Taps on the padding would add nothing.
        taps = tuple(tap for tap in range(_TAPS) if 0 <= first + tap < len(positions))
        out = f"{layer.name}_{len(convolved)}"
        if taps not in weights:
            stacked = np.concatenate([layer.weight[:, :, tap].T for tap in taps])
            weights[taps] = graph.constant(f"{out}_weight", stacked)
        row = graph.node("Concat", [positions[first + tap] for tap in taps], f"{out}_seen", axis=1)
        summed = graph.node("Gemm", [row, weights[taps], f"{layer.name}_bias"], f"{out}_sum")
        convolved.append(graph.node("Relu", [summed], out))
    return convolved


def _recurrence(graph: _Graph, features: str, weights: Mapping[str, Array]) -> None:
    """From `features`, (frames, 128), to the graph's outputs."""
    one = graph.constant("one", [1], np.int64)
    sequence = graph.node("Unsqueeze", [features, one], "sequence")
    given = [graph.constant(name, _take(weights, name, shape)) for name, shape in LSTM.items()]
    hidden = graph.node("LSTM", [sequence, *given, "", "h", "c"], "hidden", "hn", "cn", hidden_size=HIDDEN)
    rows = graph.node("Reshape", [hidden, graph.constant("hidden_rows", [-1, HIDDEN], np.int64)], "recalled")
    weight = graph.constant("output_weight", _take(weights, "output.weight", (1, HIDDEN, 1))[0])
    bias = graph.constant("output_bias", _take(weights, "output.bias", (1,)))
    logits = graph.node("Gemm", [graph.node("Relu", [rows], "positive"), weight, bias], "logits")
    flat = graph.constant("flat", [-1], np.int64)
    graph.node("Reshape", [graph.node("Sigmoid", [logits], "probabilities"), flat], "speech_probs")


# One turn in as many steps as a window has. Rounded, so that every mathematics library gives the same bits.
_COSINES = np.array([round(math.cos(2 * math.pi * step / WINDOW), 12) for step in range(WINDOW)])


def _require_hann(basis: Array) -> None:
    """Raises ValueError unless `basis`, (258, 1, 256), makes the spectrum that `_spectra` does."""
    angles = np.outer(np.arange(_BINS), np.arange(WINDOW))
    taper = 0.5 - 0.5 * _COSINES
    expected = taper * np.concatenate([_COSINES[angles % WINDOW], _COSINES[(angles + WINDOW // 4) % WINDOW]])
    if np.abs(basis[:, 0] - expected).max() > _LARGEST_ERROR:
        raise ValueError(f"{BASIS} is not the Fourier transform of a Hann window")


def _take(weights: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    if weights[name].shape != shape:
        raise ValueError(f"weight {name} has the shape {weights[name].shape}, expected {shape}")
    return weights[name]
