"""The ONNX graph of GE2E against its definition."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from onnx_models.install import ge2e_graph, ge2e_int8
from onnx_models.install.ge2e_graph import BANDS, HIDDEN, LAYERS
from onnx_models.session import open_session

Weights = dict[str, npt.NDArray[np.float32]]


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Random weights under PyTorch's names."""
    generator = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (HIDDEN, HIDDEN), "linear.bias": (HIDDEN,)}
    for layer in range(LAYERS):
        shapes[f"lstm.weight_ih_l{layer}"] = (4 * HIDDEN, HIDDEN if layer else BANDS)
        shapes[f"lstm.weight_hh_l{layer}"] = (4 * HIDDEN, HIDDEN)
        shapes[f"lstm.bias_ih_l{layer}"] = shapes[f"lstm.bias_hh_l{layer}"] = (4 * HIDDEN,)
    return {name: generator.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


def _sigmoid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def _reference(weights: Weights, mels: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The equations in PyTorch's documentation of torch.nn.LSTM, one step after the other."""
    sequence = mels.astype(np.float64)
    for layer in range(LAYERS):
        hidden = cell = np.zeros((len(mels), HIDDEN))
        steps = []
        for step in range(sequence.shape[1]):
            gates = sequence[:, step] @ weights[f"lstm.weight_ih_l{layer}"].T + weights[f"lstm.bias_ih_l{layer}"]
            gates = gates + hidden @ weights[f"lstm.weight_hh_l{layer}"].T + weights[f"lstm.bias_hh_l{layer}"]
            keep_in, forget, candidate, keep_out = np.split(gates, 4, axis=1)
            cell = _sigmoid(forget) * cell + _sigmoid(keep_in) * np.tanh(candidate)
            hidden = _sigmoid(keep_out) * np.tanh(cell)
            steps.append(hidden)
        sequence = np.stack(steps, axis=1)
    projected = np.maximum(0, sequence[:, -1] @ weights["linear.weight"].T + weights["linear.bias"])
    return projected / np.linalg.norm(projected, axis=1, keepdims=True)


def test_graph_computes_the_definition(weights: Weights, tmp_path: Path) -> None:
    """The graph gives what the equations give, to 2e-6, for any batch and any number of frames."""
    (tmp_path / "graph.onnx").write_bytes(ge2e_graph.build(weights))
    session = open_session(tmp_path / "graph.onnx", "cpu")
    generator = np.random.default_rng(6)
    for batch, frames in ((1, 7), (3, 20)):
        mels = generator.gamma(0.5, 1.0, (batch, frames, BANDS)).astype(np.float32)
        (embedding,) = session.run(("embedding",), {"mels": mels})
        np.testing.assert_allclose(embedding, _reference(weights, mels), atol=2e-6)


def test_graph_of_8_bits_computes_nearly_the_same(weights: Weights, tmp_path: Path) -> None:
    """With layers of 8 bits the embedding stays where it was, to a cosine of 0.999, in half the bytes."""
    (tmp_path / "graph.onnx").write_bytes(ge2e_graph.build(weights, int8=True))
    session = open_session(tmp_path / "graph.onnx", "cpu")
    mels = np.random.default_rng(6).gamma(0.5, 1.0, (6, 40, BANDS)).astype(np.float32)
    (embedding,) = session.run(("embedding",), {"mels": mels})
    assert (embedding * _reference(weights, mels)).sum(axis=1).min() >= 0.999
    assert len(ge2e_graph.build(weights, int8=True)) < len(ge2e_graph.build(weights)) / 2


def test_weights_of_8_bits_are_off_by_half_a_step() -> None:
    """Each unit has a scale of its own, by its largest weight; a unit without weights stays without."""
    weights = np.random.default_rng(7).normal(0, [[0.001], [1.0], [0.0]], (3, 20)).astype(np.float32)
    whole, scales = ge2e_int8.quantised(weights)
    assert whole.shape == (20, 3)
    assert abs(whole).max(axis=0).tolist() == [127, 127, 0]
    assert (np.abs(whole * scales - weights.T) <= scales * 0.5001).all()


@pytest.mark.parametrize("int8", [False, True])
def test_graph_is_the_same_bytes_every_time(weights: Weights, int8: bool) -> None:
    """The same weights build the same file, so its SHA-256 can be pinned."""
    assert ge2e_graph.build(weights, int8=int8) == ge2e_graph.build(dict(reversed(weights.items())), int8=int8)


def test_dead_network_stays_finite(weights: Weights, tmp_path: Path) -> None:
    """Where the ReLU leaves nothing the embedding is zeros, not NaN."""
    dead = weights | {"linear.bias": np.full(HIDDEN, -100, np.float32)}
    (tmp_path / "graph.onnx").write_bytes(ge2e_graph.build(dead))
    session = open_session(tmp_path / "graph.onnx", "cpu")
    (embedding,) = session.run(("embedding",), {"mels": np.zeros((1, 5, BANDS), np.float32)})
    assert not embedding.any()


def test_weights_of_another_shape_are_refused(weights: Weights) -> None:
    """A weight of the wrong shape is named."""
    with pytest.raises(ValueError, match=r"linear\.bias"):
        ge2e_graph.build(weights | {"linear.bias": np.zeros(3, np.float32)})
