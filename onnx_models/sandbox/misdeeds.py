"""What no child should get away with, tried by a child for `trying`."""

import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from onnx_models.sandbox.wire import Answers

_FOLDER = Path(tempfile.gettempdir())


def work(request: Mapping[str, Any], media: FileIO, answers: Answers) -> None:
    """Answers with the names of what succeeded, and with the locks that were put on."""
    _, most = request["limits"]
    deeds: dict[str, Callable[[], object]] = {
        "open files": lambda: os.open("/", os.O_RDONLY),
        "change files": _make_a_folder,
        "reach a network": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "start processes": _fork,
        "signal other processes": lambda: os.kill(os.getppid(), 0),
        "take more memory": lambda: bytearray(2 * most),
    }
    # Whoever has taken over a process can close what it has, and open something else in its place.
    os.close(media.fileno())
    answers.text({"locks": request["locks"], "succeeded": [name for name, deed in deeds.items() if _succeeds(deed)]})


def _succeeds(deed: Callable[[], object]) -> bool:
    with suppress(OSError, MemoryError):
        deed()
        return True
    return False


def _make_a_folder() -> None:
    folder = _FOLDER / f"voiceprint-sandbox-{os.getpid()}"
    folder.mkdir()
    folder.rmdir()


def _fork() -> None:
    if not os.fork():
        os._exit(0)
