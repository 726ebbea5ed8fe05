"""What can be told of a brought ONNX graph without running it, and what such a graph may not have.

A brought file is hostile input. It is read once, so what is inspected here is what is proved and stored later. The
parser needs some 80 times the file's size at worst, so only `proving_child` inspects files of strangers.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import plain_file
from schemas.errors import ConfigurationError

# WavLM large, the largest network in use for speakers, has 1.26 GB; the wire format itself ends at 2.
MOST_BYTES = 1_500_000_000
# The largest published speaker networks have some 3,000 nodes, quantised ones three times as many.
MOST_NODES = 20_000
MOST_TENSORS = 20_000
# Subgraphs within subgraphs: exporters write one within another at most.
MOST_NESTING = 4
MOST_PORTS = 16
# Of metadata that is looked at, and of names that are shown.
MOST_TEXT = 200
# Before it, operators had other meanings.
FIRST_OPSET = 7

_STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# The runtime's own operators of quantised networks. Others of its domain only come of its optimisations, which it does
# anew on loading.
_QUANTISED = frozenset(
    {
        *("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearAdd", "QLinearMul", "QLinearConcat", "QGemm"),
        *("QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax"),
        *("QLinearLeakyRelu", "QLinearWhere", "MatMulInteger16", "MatMulIntegerToFloat", "MatMulNBits"),
        *("DynamicQuantizeMatMul", "DynamicQuantizeLSTM"),
    }
)
_REFUSED_OPERATORS = {
    "Loop": "could run for ever on one recording and not on another; export the network with its loops unrolled",
    "ImageDecoder": "decodes pictures, which no speaker network needs",
    **dict.fromkeys(
        ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        "draws random numbers, and a recording must always give the same voiceprint; export the network for inference",
    ),
}
# What k2-fsa's exports say about themselves.
_METADATA = frozenset(
    {
        *("framework", "language", "url", "comment", "sample_rate", "output_dim", "normalize_samples"),
        *("normalize_features", "feature_normalize_type", "feat_dim", "window_type", "window_size_ms"),
        "window_stride_ms",
    }
)
# Bits of an element, and the field that holds such elements where they are not raw bytes.
_NUMBERS = {
    "FLOAT": (32, "float_data"),
    "DOUBLE": (64, "double_data"),
    "INT64": (64, "int64_data"),
    "UINT64": (64, "uint64_data"),
    "UINT32": (32, "uint64_data"),
    **dict.fromkeys(("INT4", "UINT4"), (4, "int32_data")),
    **dict.fromkeys(("BOOL", "INT8", "UINT8"), (8, "int32_data")),
    **dict.fromkeys(("FLOAT16", "BFLOAT16", "INT16", "UINT16"), (16, "int32_data")),
    "INT32": (32, "int32_data"),
}
_MOST_AXES = 16


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the graph: `kind` is its element type in lower case, `shape` has None for open axes."""

    name: str
    kind: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the graph says of itself; `metadata` has the known keys only, and `nodes` counts those of subgraphs too."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    nodes: int
    opset: int


def read_once(path: Path) -> bytes:
    """The whole file. Raises ConfigurationError when it cannot be read, is no plain file or too large."""
    try:
        content = plain_file.read(path, MOST_BYTES)
    except plain_file.TooLarge as error:
        raise ConfigurationError(
            f"{path} is too large: a network may have {MOST_BYTES:,} bytes; quantise or halve it"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if not content:
        raise ConfigurationError(f"{path} is empty; copy or download it again")
    return content


def inspect(content: bytes) -> Inspected:
    """Checks the serialised graph `content`. Raises ConfigurationError with the cause and the cure, or MemoryError."""
    import onnx  # noqa: PLC0415
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"the file is too large: a network may have {MOST_BYTES:,} bytes")
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        if "alloc" in str(error):
            raise MemoryError from error
        raise ConfigurationError(
            "the file is not an ONNX graph, or it is damaged; export or download it again"
        ) from error
    return _Inspection(onnx).inspected(model)


class _Inspection:
    """Counts what one model has; `onnx` is the package, which is slow to import and has no types."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes = self._tensors = 0

    def inspected(self, model: Any) -> Inspected:
        opset = self._opset(model)
        if model.functions:
            raise ConfigurationError(
                "the graph brings functions of its own; inline them with `onnx.inliner.inline_local_functions`"
            )
        if model.training_info:
            raise ConfigurationError("the graph carries its training; export it for inference")
        self._graph(model.graph, 0)
        constants = {tensor.name for tensor in model.graph.initializer}
        inputs = self._ports((port for port in model.graph.input if port.name not in constants), "inputs")
        outputs = self._ports(model.graph.output, "outputs")
        return Inspected(inputs, outputs, _metadata(model), self._nodes, opset)

    def _opset(self, model: Any) -> int:
        newest = self._onnx.defs.onnx_opset_version()
        found = [opset.version for opset in model.opset_import if opset.domain in {"", "ai.onnx"}]
        if len(found) != 1:
            raise ConfigurationError("the file is not an ONNX graph: it does not name its set of operators once")
        if not FIRST_OPSET <= found[0] <= newest:
            raise ConfigurationError(
                f"the graph is of opset {found[0]}, and {FIRST_OPSET} to {newest} are known; export it with opset 17"
            )
        if model.ir_version > self._onnx.IR_VERSION:
            raise ConfigurationError(
                f"the file is of IR version {model.ir_version}, and {self._onnx.IR_VERSION} is the last known here; "
                "export it with an older one, or update the onnx package"
            )
        return int(found[0])

    def _graph(self, graph: Any, depth: int) -> None:
        if depth > MOST_NESTING:
            raise ConfigurationError(f"the graph nests subgraphs over {MOST_NESTING} deep; export it without branches")
        self._nodes += len(graph.node)
        if self._nodes > MOST_NODES:
            raise ConfigurationError(f"the graph has more than {MOST_NODES:,} nodes; no speaker network needs as many")
        if graph.sparse_initializer:
            raise ConfigurationError("the graph has sparse weights; export it with dense ones")
        self._weights(graph.initializer)
        for node in graph.node:
            self._node(node, depth)

    def _node(self, node: Any, depth: int) -> None:
        _known_domain(node.domain)
        _text(node.op_type)
        if node.domain == "com.microsoft" and node.op_type not in _QUANTISED:
            raise ConfigurationError(
                f"the graph uses {shown(node.op_type)} of com.microsoft, which is not among the operators of quantised "
                "networks; bring the graph as it was before onnxruntime optimised it"
            )
        if node.op_type in _REFUSED_OPERATORS:
            raise ConfigurationError(f"the graph uses {node.op_type}, which {_REFUSED_OPERATORS[node.op_type]}")
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise ConfigurationError("the graph has sparse weights; export it with dense ones")
            self._weights((attribute.t,) if attribute.HasField("t") else ())
            self._weights(attribute.tensors)
            for graph in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                self._graph(graph, depth + 1)

    def _weights(self, tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            self._tensors += 1
            if self._tensors > MOST_TENSORS:
                raise ConfigurationError(f"the graph has more than {MOST_TENSORS:,} weight tensors")
            _check_weights(self._onnx, tensor)

    def _ports(self, ports: Iterable[Any], what: str) -> tuple[Port, ...]:
        found = tuple(self._port(port) for port in ports)
        if not 0 < len(found) <= MOST_PORTS:
            raise ConfigurationError(f"the graph has {len(found)} {what}; a speaker network has 1 to {MOST_PORTS}")
        return found

    def _port(self, port: Any) -> Port:
        if len(port.name) > MOST_TEXT or not _text(port.name).isprintable():
            raise ConfigurationError(f"an input or output has the name {shown(port.name)}; export it with a plain one")
        if port.type.WhichOneof("value") != "tensor_type":
            raise ConfigurationError(f"{shown(port.name)} is not a tensor; export the network for one batch of tensors")
        known = self._onnx.TensorProto.DataType
        number = port.type.tensor_type.elem_type
        kind = known.Name(number).lower() if number in known.values() else f"type {number}"
        return Port(port.name, kind, tuple(_dimensions(port.type.tensor_type.shape.dim)))


def shown(text: str) -> str:
    """`text` of a stranger for a message: short, and nothing in it that a terminal would obey."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}…")


def _text(field: Any) -> str:
    """The parser gives bytes where it finds something else than UTF-8."""
    if not isinstance(field, str):
        raise ConfigurationError("the graph has names that are no text; export it again")
    return field


def _known_domain(domain: Any) -> None:
    if _text(domain) not in _STANDARD and domain != "com.microsoft":
        raise ConfigurationError(
            f"the graph uses operators of {shown(domain)}, which are not here and are not loaded; export it with ONNX "
            "operators only"
        )


def _check_weights(onnx: Any, tensor: Any) -> None:
    """External data could name any file; a shape that its bytes do not fill could make the runtime read beyond them."""
    if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ConfigurationError(
            f"the weights {shown(tensor.name)} lie in another file, which is not read; save the network as one file "
            "(`onnx.save(onnx.load(FILE), OUT)`)"
        )
    kind = (
        onnx.TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in _kinds(onnx) else str(tensor.data_type)
    )
    if kind not in _NUMBERS or tensor.HasField("segment"):
        raise ConfigurationError(f"the weights {shown(tensor.name)} are of type {kind}, which no speaker network has")
    if len(tensor.dims) > _MOST_AXES or any(size < 0 for size in tensor.dims):
        raise ConfigurationError(f"the weights {shown(tensor.name)} have an impossible shape; export the network again")
    bits, field = _NUMBERS[kind]
    count = math.prod(tensor.dims)
    raw = tensor.HasField("raw_data")
    held = len(tensor.raw_data) if raw else len(getattr(tensor, field))
    # Two elements of 4 bits share a byte, and a value of the field.
    if held != (-(-count * bits // 8) if raw else -(-count // 2) if bits == 4 else count):
        raise ConfigurationError(
            f"the weights {shown(tensor.name)} are not as many as their shape says; export or download it again"
        )


def _kinds(onnx: Any) -> list[int]:
    return list(onnx.TensorProto.DataType.values())


def _dimensions(dimensions: Iterable[Any]) -> Iterator[int | None]:
    for dimension in dimensions:
        value = dimension.dim_value if dimension.WhichOneof("value") == "dim_value" else None
        yield value if value is not None and value > 0 else None


def _metadata(model: Any) -> dict[str, str]:
    found = {}
    for entry in model.metadata_props:
        if entry.key not in _METADATA:
            continue
        if len(_text(entry.value)) > MOST_TEXT:
            if entry.key not in {"url", "comment"}:
                raise ConfigurationError(f"the graph's metadata {entry.key} is {len(entry.value):,} characters long")
            continue
        found[entry.key] = entry.value
    return found
