"""Networks in 16-bit floats. The CPU reads and runs them, and computes in 32 bits."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from onnx_models import registry
from onnx_models.brought.halve import halved
from onnx_models.session import open_session
from schemas.errors import ConfigurationError
from tests.unit.onnx_models import small_graphs


def types(content: bytes) -> dict[str, int]:
    """The type of every weight."""
    return {tensor.name: tensor.data_type for tensor in onnx.ModelProto.FromString(content).graph.initializer}


def test_the_default_model_keeps_its_vectors(models_dir: Path) -> None:
    """All weights but those of the first layer take half the room, and the vectors stay, to a cosine of 0.9999."""
    path = registry.card("ge2e").path(models_dir)
    done, how = halved(path)
    assert how == "16-bit floats, but for LSTM layer 1"
    found = types(done)
    assert {found[f"layer0_{part}"] for part in "wrb"} == {TensorProto.FLOAT}
    assert {found[f"layer{layer}_{part}"] for layer in (1, 2) for part in "wrb"} == {TensorProto.FLOAT16}
    assert len(done) < 0.7 * path.stat().st_size
    falling = np.geomspace(1.0, 1e-3, 40)
    mels = (np.random.default_rng(3).gamma(0.5, 1.0, (8, 160, 40)) * falling).astype(np.float32)
    before, after = (open_session(graph, "cpu").run(("embedding",), {"mels": mels})[0] for graph in (path, done))
    assert after.dtype == np.float32
    assert (before * after).sum(axis=1).min() >= 0.9999


@pytest.mark.parametrize("kind", ["wespeaker", "three_d_speaker", "waveform"])
def test_public_kinds_are_converted(tmp_path: Path, kind: str) -> None:
    """Networks with the inputs of the public models give nearly the same in 16 bits; the same bytes every time."""
    path = small_graphs.written(getattr(small_graphs, kind)(), tmp_path / "net.onnx")
    done, how = halved(path)
    assert how == "16-bit floats"
    assert done == halved(path)[0]
    before, after = open_session(path, "cpu"), open_session(done, "cpu")
    shape = (2, 16_000) if kind == "waveform" else (2, 200, 80)
    given = {before.inputs[0]: np.random.default_rng(4).normal(0, 0.3, shape).astype(np.float32)}
    vectors = [session.run(session.outputs[-1:], given)[0] for session in (before, after)]
    lengths = [np.linalg.norm(found, axis=1) for found in vectors]
    assert ((vectors[0] * vectors[1]).sum(axis=1) / lengths[0] / lengths[1]).min() >= 0.9999


def test_what_cannot_be_converted(tmp_path: Path) -> None:
    """A network that is none is refused by its name."""
    (tmp_path / "net.onnx").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"net\.onnx cannot be converted"):
        halved(tmp_path / "net.onnx")
