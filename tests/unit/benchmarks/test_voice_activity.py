"""The comparison of the voice activity detector with its authors' graph."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from benchmarks.disturbances import DISTURBANCES, RATE
from benchmarks.voice_activity import compared, operations
from onnx_models import registry
from onnx_models.session import Session, open_session
from tests.patience import PATIENCE

DEMO = Path(__file__).parents[2] / "recordings" / "demo.flac"
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Doubting:
    """A network that is never sure of anything that `session` is."""

    session: Session
    device: str = "cpu"
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def run(self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        probabilities, *state = self.session.run(outputs, inputs)
        return [probabilities * np.float32(0.45), *state]


@pytest.fixture(scope="module")
def network(models_dir: Path) -> Path:
    return registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), models_dir)


@pytest.fixture(scope="module")
def demo() -> Samples:
    return np.asarray(soundfile.read(DEMO, dtype="float32")[0], np.float32)


def test_differences_are_counted(network: Path, demo: Samples) -> None:
    """A network agrees with itself; another one differs, in frames and in recordings."""
    session = open_session(network, "cpu")
    same = compared(iter([demo, demo]), session, session)
    assert (same.largest, same.decisions, same.segments) == (0, 0, 0)
    assert same.frames == 2 * -(-len(demo) // 512)
    other = compared(iter([demo, demo]), Doubting(session), session)
    assert other.largest == pytest.approx(0.55, abs=0.02)
    assert 0 < other.decisions < other.frames
    assert other.segments == 2
    assert other.speech == same.speech > 0


@pytest.mark.parametrize("name", DISTURBANCES)
def test_disturbances_keep_length_and_kind(demo: Samples, name: str) -> None:
    """Whatever happens to a recording, it is as long as before, finite and the same every time."""
    disturbed = DISTURBANCES[name](demo, 3)
    assert disturbed.shape == demo.shape
    assert disturbed.dtype == np.dtype(np.float32)
    assert np.isfinite(disturbed).all()
    np.testing.assert_array_equal(disturbed, DISTURBANCES[name](demo, 3))
    assert len(DISTURBANCES[name](demo[: RATE // 10], 3)) == RATE // 10


def test_operations_of_a_frame(network: Path) -> None:
    """The installed network does a million operations for a frame of 32 ms, half of an ordinary transform's."""
    spectra, convolutions = 4 * 128 * 258, (10 * 129 + 5 * 64 + 2 * 32 + 64) * 128
    recurrence = 2 * 4 * 128 * 128 + 128
    assert operations(network) == 2 * (spectra + convolutions + recurrence)


def test_another_wheel_is_refused(tmp_path: Path, models_dir: Path) -> None:
    """A file that is not the pinned wheel ends the command with 2 and says why."""
    (tmp_path / "silero_vad-6.2.3-py3-none-any.whl").write_bytes(b"no wheel")
    command = [sys.executable, "-m", "benchmarks.voice_activity", str(tmp_path), "--wheel", str(tmp_path)]
    command += ["--models-dir", str(models_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 2
    assert "is not the pinned wheel" in done.stderr
