"""The random network on which the appliance and sherpa-onnx are compared."""

from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.arithmetic import operations
from benchmarks.peers.ecapa_graph import BANDS, DIMENSION, build


def test_one_seed_is_one_network() -> None:
    """The same seed gives the same bytes, another one others."""
    assert build(seed=1) == build(seed=1)
    assert build(seed=1) != build(seed=2)


def test_it_embeds_any_length() -> None:
    """Features of any length give a finite vector of 192 values."""
    session = onnxruntime.InferenceSession(build())
    random = np.random.default_rng(0)
    for frames in (50, 301):
        (vectors,) = session.run(None, {"feats": random.normal(size=(2, frames, BANDS)).astype(np.float32)})
        assert vectors.shape == (2, DIMENSION)
        assert np.isfinite(vectors).all()


def test_its_arithmetic_is_counted(tmp_path: Path) -> None:
    """Operations grow with the frames, and are those of the published network: some 10 GFLOP for 10 s."""
    path = tmp_path / "network.onnx"
    path.write_bytes(build())
    few, many = (operations(path, {"feats": (1, frames, BANDS)}) for frames in (500, 1000))
    assert 1.9 < many / few <= 2
    assert 9e9 < many < 12e9
