"""The command line on pipes and on a terminal, and a folder of voices."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RECORDINGS
from tests.patience import PATIENCE

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
# Colours, and what moves the cursor or hides it.
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(models_dir: Path, tmp_path: Path) -> dict[str, str]:
    """That of a person with the default models and settings of their own."""
    told = {
        "VOICEPRINT_MODELS_DIR": str(models_dir),
        "VOICEPRINT_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "120",
        "TERM": "xterm-256color",
    }
    return {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | told


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs `voiceprint` with words, on pipes."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [VOICEPRINT, *words],
            env=environment | settings,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def on_terminal(environment: dict[str, str]) -> Run:
    """Runs `voiceprint` with words on a terminal of 120 columns; `stdout` is all that it drew there."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        command = [str(VOICEPRINT), *map(str, words)]
        with subprocess.Popen(
            command, env=environment | settings, stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            drawn = b""
            # At the end of its last writer a terminal fails instead of ending.
            try:
                while block := os.read(ours, 1 << 16):
                    drawn += block
            except OSError:
                pass
            os.close(ours)
            return subprocess.CompletedProcess(command, process.wait(PATIENCE), drawn.decode(), "")

    return run


def seen(drawn: str) -> str:
    """What a person reads of it."""
    return _SEQUENCE.sub("", drawn).replace("\r\n", "\n")


@pytest.fixture(scope="session")
def voices(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Voiceprints of three recordings, of two speakers, one of them with two channels: made once, and copied by who
    changes anything."""
    folder = tmp_path_factory.mktemp("voices")
    recordings = [RECORDINGS / name for name in ("call.flac", "answer.flac", "stranger.flac")]
    subprocess.run(
        [VOICEPRINT, "extract", *recordings, "--out", folder],
        env=os.environ | {"VOICEPRINT_MODELS_DIR": str(models_dir)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


@pytest.fixture
def folder(voices: Path, tmp_path: Path) -> Path:
    """A copy of `voices`."""
    return Path(shutil.copytree(voices, tmp_path / "voices"))
