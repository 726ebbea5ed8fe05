"""A folder of models of the benchmark's own, with a random network that is brought in as a user brings one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.ecapa_graph import build
from onnx_models import registry

NAME = "random-ecapa512"
EIGHT_BITS = f"{NAME}-int8"
# Speech that goes through the network at once, seconds: the shorter recordings in one pass, as sherpa-onnx has them.
WINDOW_SECONDS = 20.0


def installed(needed: list[str], folder: Path) -> Path:
    """A copy in `folder` of the installed models `needed`, with voice activity. Raises ConfigurationError for one that
    is not installed, with how to."""
    installed_dir = Path(os.environ.get("VOICEPRINT_MODELS_DIR", registry.default_models_dir()))
    models_dir = folder / "models"
    models_dir.mkdir()
    for name in (*needed, registry.VOICE_ACTIVITY_MODEL):
        shutil.copy(registry.verify(registry.card(name), installed_dir), models_dir)
    for server in installed_dir.glob("redis-server-*"):
        shutil.copy(server, models_dir)
    return models_dir


def bring(models_dir: Path, recordings: Path) -> dict[str, Path]:
    """Adds the network to `models_dir`, in 32 bits and in 8 that are calibrated on the folder `recordings`; its files
    by name."""
    graph = models_dir.parent / f"{NAME}.onnx"
    graph.write_bytes(build())
    window = f"{WINDOW_SECONDS:g}"
    unknown = [word for option in ("--licence", "--training-data", "--published-eer") for word in (option, "none")]
    _voiceprint(models_dir, "add", str(graph), "--name", NAME, "--window", window, "--hop", window, *unknown)
    # What 8 bits cost in accuracy means nothing of random weights.
    _voiceprint(models_dir, "quantize", NAME, "--calibrate", str(recordings), "--yes", "--force")
    return {name: registry.speaker_card(name, models_dir).path(models_dir) for name in (NAME, EIGHT_BITS)}


def _voiceprint(models_dir: Path, *words: str) -> None:
    environment = os.environ | {"VOICEPRINT_MODELS_DIR": str(models_dir), "VOICEPRINT_DATA_DIR": str(models_dir.parent)}
    done = subprocess.run(  # noqa: S603  # our own program
        [Path(sys.executable).with_name("voiceprint"), "models", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise SystemExit(f"voiceprint models {words[0]} ended with {done.returncode}:\n{done.stderr}")
