"""How many floating-point operations a network takes, by the sizes of its weights and of what it makes."""

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import onnx

Shape = Sequence[int]


def operations(path: Path, inputs: Mapping[str, Shape]) -> int:
    """Multiplications and additions of the products of the graph at `path` for `inputs` of these shapes.

    Counted are matrix products, convolutions and LSTM layers; what else there is costs next to nothing. Raises
    ValueError when the shape of one of them cannot be inferred.
    """
    model = onnx.load(path)
    for port in model.graph.input:
        for dimension, size in zip(port.type.tensor_type.shape.dim, inputs[port.name], strict=True):
            dimension.dim_value = size
    for port in model.graph.output:
        port.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    return sum(_operations(node, shapes) for node in graph.node)


def _operations(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    match node.op_type:
        case "MatMul":
            return 2 * _size(node.output[0], shapes) * shapes[node.input[0]][-1]
        case "Gemm":
            transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
            return 2 * _size(node.output[0], shapes) * shapes[node.input[0]][0 if transposed else 1]
        case "Conv":
            return 2 * _size(node.output[0], shapes) * prod(shapes[node.input[1]][1:])
        case "LSTM":
            steps, batch, _ = shapes[node.input[0]]
            return 2 * steps * batch * sum(prod(shapes[weights]) for weights in node.input[1:3])
    return 0


def _size(name: str, shapes: Mapping[str, Shape]) -> int:
    size = prod(shapes.get(name, (0,)))
    if not size:
        raise ValueError(f"the shape of {name} is not known")
    return size
