"""What the seam admits beyond the front ends that are here: other rates, patches, vectors of any length."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnx_models import batcher, families
from onnx_models.families import Framing, Window, load_families, open_family
from onnx_models.session import open_session
from onnx_models.spreading import Spreading

# A log mel front end as VGGish, PANNs and CLAP have them: patches of one size with a channel, 64 bands.
MADE = """
import numpy as np
from onnx_models.frames import Framer
from onnx_models.mel import MelPower, fft_length, slaney_filters
from onnx_models.windows import Windows

name = "made-patches64"

def front_end(framing, options):
    return Patches(framing, **options)

class Patches:
    def __init__(self, framing, *, low_hertz, high_hertz):
        length, step = framing.sample_rate // 40, framing.sample_rate // 100
        self.framer = Framer(length, step)
        filters = slaney_filters(framing.sample_rate, fft_length(length), 64, low_hertz, high_hertz)
        self.power = MelPower(np.hanning(length), filters)
        self.frames = round(framing.window_seconds * 100)
        self.windows = Windows(self.frames, round(framing.hop_seconds * 100))

    def patch(self, frames):
        whole = np.resize(np.log(frames + np.float32(1e-6)), (self.frames, 64))
        return (whole[np.newaxis],)

    def push(self, samples):
        for frames in self.framer.push(samples):
            yield from map(self.patch, self.windows.push(self.power(frames)))

    def finish(self):
        for frames in self.framer.finish():
            yield from map(self.patch, self.windows.push(self.power(frames)))
        yield from map(self.patch, self.windows.finish())
"""


@pytest.fixture
def _made_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "made_patches"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "patches.py").write_text(MADE)
    monkeypatch.syspath_prepend(tmp_path)
    found = load_families([str(package)], "made_patches")
    monkeypatch.setattr(families, "families", lambda: found)
    yield
    for name in [name for name in sys.modules if name.startswith("made_patches")]:
        del sys.modules[name]


def mean_network(path: Path) -> Path:
    """The mean of each band over a patch: (batch, 1, frames, 64) -> (batch, 64), of any length."""
    patches = helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["batch", 1, "frames", 64])
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", 64])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])
    mean = helper.make_node("ReduceMean", ["patches", "axes"], ["vectors"], keepdims=0)
    graph = helper.make_graph([mean], "mean", [patches], [vectors], [axes])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.mark.usefixtures("_made_family")
@pytest.mark.parametrize(
    ("rate", "seconds", "high"), [(16_000, 0.96, 7500), (32_000, 2.0, 14_000), (48_000, 10.0, 14_000)]
)
@pytest.mark.parametrize("speech_seconds", [0.3, 25.0])
def test_patches_at_other_rates(tmp_path: Path, rate: int, seconds: float, high: float, speech_seconds: float) -> None:
    """A front end of one file gives patches of one size at 16, 32 and 48 kHz, and a network makes vectors of them."""
    new = open_family("made-patches64", Framing(rate, seconds, seconds), {"low_hertz": 50, "high_hertz": high})
    front_end = new()
    speech = np.random.default_rng(8).normal(0, 0.1, round(speech_seconds * rate)).astype(np.float32)
    windows: list[Window] = [*front_end.push(speech), *front_end.finish()]
    assert {window[0].shape for window in windows} == {(1, round(seconds * 100), 64)}
    session = open_session(mean_network(tmp_path / "mean.onnx"), "cpu")
    network = batcher.Processor(session, 0, Spreading(1))
    vectors = np.concatenate(list(network.vectors(batcher.batches(windows, 4))))
    np.testing.assert_allclose(vectors, [window[0].mean(axis=(0, 1)) for window in windows], rtol=1e-4)
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1)
