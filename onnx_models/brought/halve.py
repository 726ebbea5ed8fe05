"""Networks in 16-bit floats: for GPUs, which run them at twice the speed and with half the memory.

What a network gets and gives stays float32, and so does a first layer that is recurrent: what comes from the front end
of such a network spans more orders than 16 bits have.
"""

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from schemas.errors import ConfigurationError

_RECURRENT = {"LSTM", "GRU", "RNN"}


def halved(graph: Path) -> tuple[bytes, str]:
    """The network of the file `graph` in 16-bit floats, and what was done in words.

    The same file gives the same bytes. Raises ConfigurationError for a network that cannot be converted.
    """
    model = onnx.load(graph)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}.{number}"
    recurrent = [node.name for node in model.graph.node if node.op_type in _RECURRENT]
    try:
        done = convert_float_to_float16(model, keep_io_types=True, node_block_list=recurrent[:1])
        # The tool leaves its casts at the end.
        OnnxModel(done).topological_sort()
        onnx.checker.check_model(done)
    # The tool raises whatever it stumbles over.
    except Exception as error:
        raise ConfigurationError(f"{graph.name} cannot be converted to 16-bit floats: {error}") from error
    how = "16-bit floats" + (f", but for {recurrent[0].partition('.')[0]} layer 1" if recurrent else "")
    return bytes(done.SerializeToString(deterministic=True)), how
