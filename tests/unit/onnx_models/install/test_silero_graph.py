"""The rewritten graph of the voice activity detector against the form in which its authors give it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_models.install import silero_graph
from onnx_models.install.silero_graph import BASIS, HIDDEN, INPUT, LAYERS, LSTM, WINDOW
from onnx_models.session import Session, open_session

Weights = dict[str, npt.NDArray[np.float32]]
Outputs = tuple[npt.NDArray[np.float32], ...]
OUTPUTS = ("speech_probs", "hn", "cn")


@pytest.fixture(scope="module")
def weights() -> Weights:
    """The Fourier transform of a Hann window, and random weights, under their exporter's names."""
    generator = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {"output.weight": (1, HIDDEN, 1), "output.bias": (1,), **LSTM}
    for layer, (channels_in, channels_out, _) in enumerate(LAYERS):
        shapes |= {
            f"encoder.{layer}.weight": (channels_out, channels_in, 3),
            f"encoder.{layer}.bias": (channels_out,),
        }
    made = {name: generator.normal(0, 0.15, shape).astype(np.float32) for name, shape in shapes.items()}
    taper = np.hanning(WINDOW + 1)[:-1]
    turns = np.exp(-2j * np.pi * np.outer(np.arange(WINDOW // 2 + 1), np.arange(WINDOW)) / WINDOW) * taper
    return made | {BASIS: np.concatenate([turns.real, turns.imag])[:, np.newaxis].astype(np.float32)}


def original(weights: Weights) -> bytes:
    """The graph as its authors give it: one convolution after the other over the time within a frame."""
    numbers = {"ends": [0, 128, 0, 128], "channel": [1], "none": [0], "first": [1], "half": [129], "all": [1 << 62]}
    numbers |= {"time": [2], "flat": [-1]}
    constants = [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in numbers.items()]
    constants += [numpy_helper.from_array(values, name) for name, values in weights.items()]
    nodes = [
        helper.make_node("Pad", ["input", "ends"], ["padded"], mode="reflect"),
        helper.make_node("Unsqueeze", ["padded", "channel"], ["signal"]),
        helper.make_node("Conv", ["signal", BASIS], ["spectrum"], strides=[128]),
        # The first window is left out.
        helper.make_node("Slice", ["spectrum", "first", "all", "time"], ["windows"]),
        helper.make_node("Slice", ["windows", "none", "half", "channel"], ["real"]),
        helper.make_node("Slice", ["windows", "half", "all", "channel"], ["imaginary"]),
        helper.make_node("Mul", ["real", "real"], ["real_square"]),
        helper.make_node("Mul", ["imaginary", "imaginary"], ["imaginary_square"]),
        helper.make_node("Add", ["real_square", "imaginary_square"], ["power"]),
        helper.make_node("Sqrt", ["power"], ["encoded0"]),
    ]
    for layer, (_, _, stride) in enumerate(LAYERS):
        inputs = [f"encoded{layer}", f"encoder.{layer}.weight", f"encoder.{layer}.bias"]
        nodes += [
            helper.make_node("Conv", inputs, [f"convolved{layer}"], pads=[1, 1], strides=[stride]),
            helper.make_node("Relu", [f"convolved{layer}"], [f"encoded{layer + 1}"]),
        ]
    nodes += [
        helper.make_node("Transpose", [f"encoded{len(LAYERS)}"], ["sequence"], perm=[0, 2, 1]),
        helper.make_node("LSTM", ["sequence", *LSTM, "", "h", "c"], ["hidden", "hn", "cn"], hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["hidden", "channel"], ["rows"]),
        helper.make_node("Relu", ["rows"], ["positive"]),
        helper.make_node("Transpose", ["positive"], ["columns"], perm=[1, 2, 0]),
        helper.make_node("Conv", ["columns", "output.weight", "output.bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
        helper.make_node("Reshape", ["probabilities", "flat"], ["speech_probs"]),
    ]

    def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape or (1, 1, HIDDEN))

    given, found = [value("input", "frames", INPUT), value("h"), value("c")], [value("speech_probs", "frames")]
    graph = helper.make_graph(nodes, "original", given, [*found, value("hn"), value("cn")], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def run(session: Session, frames: npt.NDArray[np.float32], block: int) -> Outputs:
    """Probabilities and last state, `block` frames at a time."""
    hidden = cell = np.zeros((1, 1, HIDDEN), np.float32)
    found = []
    for start in range(0, len(frames), block):
        inputs = {"input": frames[start : start + block], "h": hidden, "c": cell}
        probabilities, hidden, cell = session.run(OUTPUTS, inputs)
        found.append(probabilities)
    return np.concatenate(found), hidden, cell


@pytest.fixture(scope="module")
def frames() -> npt.NDArray[np.float32]:
    """Frames of quiet and loud noise, of one tone each, and of digital silence."""
    generator = np.random.default_rng(6)
    noise = generator.normal(0, 1, (200, INPUT)) * 10 ** generator.uniform(-5, 0, (200, 1))
    tones = np.sin(np.outer(generator.uniform(0, np.pi, 60), np.arange(INPUT)))
    return np.concatenate([noise, tones, np.zeros((40, INPUT))]).astype(np.float32)


def test_the_rewritten_graph_answers_as_the_original(weights: Weights, frames: npt.NDArray[np.float32]) -> None:
    """Probabilities and state are the original's to 1e-5, while the probabilities vary widely."""
    given = original(weights)
    theirs, ours = (open_session(graph, "cpu") for graph in (given, silero_graph.build(given)))
    assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)
    expected = run(theirs, frames, 512)
    assert np.ptp(expected[0]) > 0.2
    for found, reference in zip(run(ours, frames, 512), expected, strict=True):
        np.testing.assert_allclose(found, reference, atol=1e-5, rtol=1e-5)


def test_blocks_of_frames_do_not_matter(weights: Weights, frames: npt.NDArray[np.float32]) -> None:
    """However many frames come at once, with the state carried over, the answer is the same to rounding."""
    session = open_session(silero_graph.build(original(weights)), "cpu")
    whole = run(session, frames, len(frames))
    for block in (1, 2, 7, 64, 128):
        for found, reference in zip(run(session, frames, block), whole, strict=True):
            np.testing.assert_allclose(found, reference, atol=1e-6, rtol=1e-5)


def test_graph_is_the_same_bytes_every_time(weights: Weights) -> None:
    """The same weights build the same file, so its SHA-256 can be pinned."""
    reordered = dict(reversed(weights.items()))
    assert silero_graph.build(original(weights)) == silero_graph.build(original(reordered))


def test_weights_that_are_not_understood_are_refused(weights: Weights) -> None:
    """A weight of the wrong shape, and a spectrum of another window, are named."""
    wrong = {"onnx::LSTM_209": np.zeros((1, 3, HIDDEN), np.float32), BASIS: weights[BASIS] * np.float32(0.99)}
    for name, values in wrong.items():
        model = onnx.load_from_string(original(weights))
        (changed,) = (found for found in model.graph.initializer if found.name == name)
        changed.CopyFrom(numpy_helper.from_array(values, name))
        with pytest.raises(ValueError, match=name):
            silero_graph.build(model.SerializeToString())


def test_the_shipped_card_names_what_is_built(models_dir: Path) -> None:
    """What is installed is what the graph's builder made: products of matrices and no convolution."""
    nodes = onnx.load(models_dir / "silero-vad.onnx").graph.node
    assert {"Gemm", "MatMul", "LSTM"} < {node.op_type for node in nodes}
    assert "Conv" not in {node.op_type for node in nodes}
