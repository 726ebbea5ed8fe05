"""The runtime behind its Protocol."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_models import registry, session
from onnx_models.session import DeviceUnavailable, available_devices, cuda_devices, open_session
from schemas.errors import ConfigurationError


def test_cpu_is_always_there() -> None:
    """The CPU is among the devices, with the runtime's version."""
    assert available_devices()["cpu"].startswith("onnxruntime ")


def test_cuda_without_a_device_is_refused(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for CUDA where there is none names what is available and the cure."""
    monkeypatch.setattr(session, "_DRIVER", "libcuda-that-is-not-here.so")
    path = registry.card("ge2e").path(models_dir)
    with pytest.raises(DeviceUnavailable, match=r"no CUDA device.*nvidia-smi.*available here: cpu"):
        open_session(path, "cuda")
    assert open_session(path, "auto").device == "cpu"
    assert cuda_devices() == []


@pytest.mark.skipif(bool(cuda_devices()), reason="pretends a device where there is none")
def test_cuda_device_without_libraries(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A device without its libraries leaves `auto` on the CPU, refuses `cuda` with the cure and prints nothing."""
    monkeypatch.setattr(session, "cuda_devices", lambda: ["pretended"])
    path = registry.card("ge2e").path(models_dir)
    assert open_session(path, "auto").device == "cpu"
    with pytest.raises(DeviceUnavailable, match=r"pip install 'voiceprint-appliance\[gpu\]'"):
        open_session(path, "cuda")
    assert capfd.readouterr() == ("", "")


def test_unknown_device_is_refused(models_dir: Path) -> None:
    """A device of another name is refused with the names there are."""
    with pytest.raises(ConfigurationError, match="auto, cpu, cuda"):
        open_session(registry.card("ge2e").path(models_dir), "tpu")


def test_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    """A file that onnxruntime does not take is named."""
    (tmp_path / "network.onnx").write_bytes(b"no graph")
    with pytest.raises(ConfigurationError, match=r"network\.onnx could not be loaded"):
        open_session(tmp_path / "network.onnx", "cpu")


def test_opening_frightens_nobody(models_dir: Path) -> None:
    """Loading the runtime and opening a model prints nothing."""
    program = f"from onnx_models import open_model; open_model(models_dir={str(models_dir)!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_package_imports_without_the_runtime() -> None:
    """Importing onnx_models loads neither onnxruntime nor the onnx package."""
    program = "import sys, onnx_models; print({'onnxruntime', 'onnx', 'soundfile', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    "program",
    [
        "from onnx_models import open_model; open_model(models_dir=sys.argv[1]).extract(sys.argv[2])",
        "from onnx_models.brought.quantize import quantised; quantised(Path(sys.argv[1]) / 'ge2e.onnx', [])",
    ],
    ids=["extraction", "quantisation"],
)
def test_the_runtime_reports_to_nobody(models_dir: Path, tmp_path: Path, program: str) -> None:
    """Neither running nor quantising a network leaves an identifier or reports of the runtime in the home folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    recording = Path(__file__).parents[2] / "recordings/demo.flac"
    subprocess.run(
        [sys.executable, "-c", f"import sys; from pathlib import Path; {program}", models_dir, recording],
        env=environment | {"HOME": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("known", [True, False], ids=["this processor", "one of which nothing is known"])
def test_products_of_8_bits_are_added_exactly(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest products there are, of which two would not fit 16 bits, keep their sums."""
    if not known:
        monkeypatch.setattr(session, "adds_in_32_bits", lambda: False)
    weights = np.full((64, 32), 127, np.int8)
    node = helper.make_node("MatMulInteger", ["values", "weights"], ["sums"])
    graph = helper.make_graph(
        [node],
        "products",
        [helper.make_tensor_value_info("values", TensorProto.UINT8, ["rows", 64])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, ["rows", 32])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    opened = open_session(model.SerializeToString(), "cpu")
    (sums,) = opened.run(("sums",), {"values": np.full((6, 64), 255, np.uint8)})
    np.testing.assert_array_equal(sums, np.full((6, 32), 255 * 127 * 64))
