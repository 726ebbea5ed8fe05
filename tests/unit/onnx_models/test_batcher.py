"""Windows in batches."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnx_models.batcher import embed
from onnx_models.session import Session, open_session


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A graph whose `sum` is the sum of `x` over its second axis."""
    node = helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=1)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length"])
    y = helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["batch", 1])
    graph = helper.make_graph([node], "sums", [x], [y], [axes])
    path: Path = tmp_path_factory.mktemp("graph") / "sums.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return open_session(path, "cpu")


def test_batches_keep_order_and_size(sums: Session) -> None:
    """Every window comes back in its place, in batches no larger than asked."""
    windows = [(np.full(3, number, np.float32),) for number in range(10)]
    batches = list(embed(sums, "sum", windows, 4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert np.concatenate(batches)[:, 0].tolist() == [3 * number for number in range(10)]


def test_only_equal_shapes_share_a_batch(sums: Session) -> None:
    """Windows of different lengths are never padded to go together."""
    windows = [(np.ones(length, np.float32),) for length in (3, 3, 2, 3)]
    assert [batch[:, 0].tolist() for batch in embed(sums, 0, windows, 4)] == [[3, 3], [2], [3]]


def test_no_windows_no_batches(sums: Session) -> None:
    """Nothing in, nothing out."""
    assert list(embed(sums, "sum", [], 4)) == []
