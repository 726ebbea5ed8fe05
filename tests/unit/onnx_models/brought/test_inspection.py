"""What a brought graph may not have, found without running it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_models.brought import inspection
from schemas.errors import ConfigurationError
from tests.unit.onnx_models import small_graphs

Change = Callable[[onnx.ModelProto], None]
FLOATS = np.ones(4, np.float32)


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        (small_graphs.wespeaker(), [("feats", "float", (None, None, 80))], [("embs", "float", (None, 256))]),
        (
            small_graphs.nemo(),
            [("audio_signal", "float", (None, 80, None)), ("length", "int64", (None,))],
            [("logits", "float", (None, 10)), ("embs", "float", (None, 192))],
        ),
    ],
    ids=["wespeaker", "nemo"],
)
def test_ports(model: onnx.ModelProto, inputs: list[object], outputs: list[object]) -> None:
    """Inputs and outputs come with their types and shapes, open axes as None."""
    found = inspection.inspect(model.SerializeToString())
    assert [(port.name, port.kind, port.shape) for port in found.inputs] == inputs
    assert [(port.name, port.kind, port.shape) for port in found.outputs] == outputs
    assert found.nodes == len(model.graph.node)


def test_initializers_are_no_inputs() -> None:
    """Older exports list their weights among the inputs; those are left out."""
    model = small_graphs.wespeaker()
    weight = model.graph.initializer[0]
    model.graph.input.append(helper.make_tensor_value_info(weight.name, TensorProto.FLOAT, weight.dims))
    assert [port.name for port in inspection.inspect(model.SerializeToString()).inputs] == ["feats"]


def test_known_metadata_only() -> None:
    """Of metadata the known keys are kept, and long texts of people are left out."""
    said = {"framework": "wespeaker", "stranger": "x" * 10**6, "comment": "y" * 10**6}
    found = inspection.inspect(small_graphs.wespeaker(metadata=said).SerializeToString())
    assert found.metadata == {"framework": "wespeaker"}


def weights(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.initializer.append(tensor)


def node(model: onnx.ModelProto, operator: str, **more: object) -> None:
    model.graph.node.append(helper.make_node(operator, ["feats"], ["unused"], **more))


def external(tensor: TensorProto) -> TensorProto:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def without_location(tensor: TensorProto) -> TensorProto:
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def shaped(dims: list[int]) -> TensorProto:
    tensor = numpy_helper.from_array(FLOATS, "weight")
    del tensor.dims[:]
    tensor.dims.extend(dims)
    return tensor


def constant() -> TensorProto:
    return numpy_helper.from_array(FLOATS, "weight")


def sparse() -> onnx.SparseTensorProto:
    indices = numpy_helper.from_array(np.arange(4), "indices")
    return helper.make_sparse_tensor(constant(), indices, [100])


def graph_of(*nodes: onnx.NodeProto, tensors: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    return helper.make_graph(nodes, "inner", [], [], tensors)


def branch(inner: onnx.GraphProto) -> onnx.NodeProto:
    return helper.make_node("If", ["feats"], ["unused"], then_branch=inner, else_branch=graph_of())


def nested(depth: int) -> onnx.GraphProto:
    inner = graph_of()
    for _ in range(depth):
        inner = graph_of(branch(inner))
    return inner


def function(model: onnx.ModelProto) -> None:
    body = [helper.make_node("Mine", ["x"], ["y"], domain="ai.onnx")]
    model.functions.append(helper.make_function("ai.onnx", "Mine", ["x"], ["y"], body, list(model.opset_import)))


def sequence_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_sequence_value_info("all", TensorProto.FLOAT, None))


def training(model: onnx.ModelProto) -> None:
    model.training_info.add()


CHANGES: list[tuple[Change, str]] = [
    (lambda model: weights(model, external(constant())), "lie in another file"),
    (lambda model: weights(model, without_location(constant())), "lie in another file"),
    (lambda model: node(model, "Constant", value=external(constant())), "lie in another file"),
    (lambda model: node(model, "Strange", values=[external(constant())]), "lie in another file"),
    (lambda model: model.graph.node.append(branch(graph_of(tensors=(external(constant()),)))), "lie in another file"),
    (lambda model: node(model, "Strange", bodies=[graph_of(tensors=(external(constant()),))]), "lie in another file"),
    (lambda model: model.graph.sparse_initializer.append(sparse()), "sparse weights"),
    (lambda model: node(model, "Constant", sparse_value=sparse()), "sparse weights"),
    (lambda model: node(model, "Mine", domain="org.example"), r"operators of 'org\.example'"),
    (
        lambda model: model.graph.node.append(branch(graph_of(helper.make_node("Mine", [], [], domain="org.example")))),
        r"operators of 'org\.example'",
    ),
    (lambda model: node(model, "Inverse", domain="com.microsoft"), "'Inverse' of com.microsoft"),
    (lambda model: node(model, "Loop", body=graph_of()), "Loop, which could run for ever"),
    (lambda model: node(model, "RandomNormal", shape=[1]), "draws random numbers"),
    (lambda model: node(model, "ImageDecoder"), "decodes pictures"),
    (function, "functions of its own; inline them"),
    (training, "carries its training"),
    (lambda model: model.graph.node.append(branch(nested(inspection.MOST_NESTING))), "nests subgraphs"),
    (
        lambda model: model.graph.node.extend([helper.make_node("Relu", ["feats"], [""])] * 100_000),
        "more than 20,000 nodes",
    ),
    (lambda model: node(model, "Strange", many=[constant()] * 20_001), "more than 20,000 weight tensors"),
    (lambda model: weights(model, shaped([-4])), "impossible shape"),
    (lambda model: weights(model, shaped([1] * 100)), "impossible shape"),
    (lambda model: weights(model, shaped([1 << 40])), "not as many as their shape says"),
    (lambda model: weights(model, shaped([1 << 62, 1 << 62])), "not as many as their shape says"),
    (lambda model: weights(model, shaped([3])), "not as many as their shape says"),
    (lambda model: weights(model, helper.make_tensor("weight", TensorProto.STRING, [1], [b"text"])), "type STRING"),
    (lambda model: weights(model, TensorProto(name="weight", data_type=999, dims=[0])), "type 999"),
    (lambda model: model.opset_import[0].ClearField("version"), "opset 0"),
    (lambda model: setattr(model.opset_import[0], "version", 99), "opset 99"),
    (lambda model: setattr(model.opset_import[0], "version", -1), "opset -1"),
    (lambda model: model.ClearField("opset_import"), "does not name its set of operators once"),
    (lambda model: setattr(model, "ir_version", 99), "IR version 99"),
    (lambda model: model.graph.ClearField("input"), "0 inputs"),
    (lambda model: model.graph.ClearField("output"), "0 outputs"),
    (lambda model: model.graph.input.extend([model.graph.input[0]] * 50), "51 inputs"),
    (sequence_output, "'all' is not a tensor"),
    (lambda model: setattr(model.graph.input[0], "name", "\x1b[31m"), r"has the name '\\x1b\[31m'"),
    (lambda model: setattr(model.graph.input[0], "name", "x" * 1000), "has the name 'x"),
    (lambda model: helper.set_model_props(model, {"framework": "x" * 10**6}), "framework is 1,000,000 characters"),
]


@pytest.mark.parametrize(("change", "fault"), CHANGES, ids=[str(number) for number in range(len(CHANGES))])
def test_refused(change: Change, fault: str) -> None:
    """What could read other files, run foreign code, never end or take the memory is refused, wherever it hides."""
    model = small_graphs.wespeaker()
    change(model)
    with pytest.raises(ConfigurationError, match=fault):
        inspection.inspect(model.SerializeToString())


def test_subgraphs_within_bounds_are_taken() -> None:
    """An ordinary branch is no reason to refuse."""
    model = small_graphs.wespeaker()
    model.graph.node.append(branch(nested(inspection.MOST_NESTING - 1)))
    assert inspection.inspect(model.SerializeToString()).nodes == len(small_graphs.wespeaker().graph.node) + 4


def test_operators_of_quantised_networks_are_taken() -> None:
    """The runtime's own operators for 8 bits pass."""
    model = small_graphs.wespeaker()
    node(model, "QLinearAdd", domain="com.microsoft")
    inspection.inspect(model.SerializeToString())


@pytest.mark.parametrize("content", [b"no graph at all", b"\x3a\xff\xff\xff\xff\x7f", bytes(100)])
def test_what_is_no_graph(content: bytes) -> None:
    """Another file, or half of one, is refused as what it is."""
    with pytest.raises(ConfigurationError, match=r"no.* ONNX graph"):
        inspection.inspect(content)


@pytest.mark.parametrize("name", [b"feats", b"MatMul", b"wespeaker"])
def test_names_that_are_no_text(name: bytes) -> None:
    """Bytes that are no UTF-8 where a name belongs are refused."""
    content = small_graphs.wespeaker(metadata={"framework": "wespeaker"}).SerializeToString()
    with pytest.raises(ConfigurationError, match="names that are no text"):
        inspection.inspect(content.replace(name, b"\xff" * len(name)))


def test_reading_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain file of a bounded size is read; pipes, folders, empty files, missing and large ones are refused."""
    path = small_graphs.written(small_graphs.wespeaker(), tmp_path / "network.onnx")
    assert inspection.read_once(path) == path.read_bytes()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for name, fault in [
        ("pipe", "not a plain file"),
        ("empty", "is empty"),
        ("none", "cannot be read"),
        ("", "cannot|plain"),
    ]:
        with pytest.raises(ConfigurationError, match=fault):
            inspection.read_once(tmp_path / name)
    monkeypatch.setattr(inspection, "MOST_BYTES", 100)
    with pytest.raises(ConfigurationError, match="too large"):
        inspection.read_once(path)
    with pytest.raises(ConfigurationError, match="too large"):
        inspection.inspect(path.read_bytes())
