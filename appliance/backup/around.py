"""What an appliance has beside its tasks: where it lies, and what it is called in a backup.

Only what is listed here is ever taken. The files with secrets are refused even there, should someone have put one among
them.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from io import BytesIO, FileIO
from pathlib import Path
from typing import BinaryIO

from appliance.backup.format import AUDIT, KEYS_FILE, MODELS, most_bytes
from appliance.settings import Settings
from schemas import plain_file
from schemas.errors import ConfigurationError
from tasks.audit import segments

_NETWORKS = f"{MODELS}networks/"
_MOST_HEAD_BYTES = 4096


def keys_file(settings: Settings) -> Path:
    return settings.keys_file


def audit_log(settings: Settings) -> Path:
    return settings.audit


def place(settings: Settings, name: str) -> Path:
    """Where the file that is called `name` in a backup belongs."""
    if name == KEYS_FILE:
        return keys_file(settings)
    if name.startswith(AUDIT):
        log = audit_log(settings)
        kind = name.removeprefix(AUDIT)
        return segments.kept_head(log) if kind == "head" else log.with_name(log.name + kind.removeprefix("log"))
    return settings.models / name.removeprefix(_NETWORKS).removeprefix(MODELS)


class Secrets:
    """The files that are in no backup, wherever they lie."""

    def __init__(self, settings: Settings) -> None:
        self._known: dict[tuple[int, int], Path] = {}
        for path in (settings.key_ring, settings.http_tls_key, settings.grpc_tls_key):
            if path is not None and path.exists():
                found = path.stat()
                self._known[found.st_dev, found.st_ino] = path

    def opened(self, path: Path) -> FileIO:
        """The file at `path`. Raises ConfigurationError when it is a secret one, OSError when it cannot be read."""
        file = plain_file.opened(path)
        found = os.fstat(file.fileno())
        if (found.st_dev, found.st_ino) in self._known:
            file.close()
            raise ConfigurationError(f"{path} is a secret of the appliance, and no backup holds one: move it elsewhere")
        return file


def models(settings: Settings, *, networks: bool) -> Iterator[tuple[str, Path]]:
    """A user's own cards, profiles, heads and networks; with `networks`, those that could be fetched again as well."""
    folder = settings.models
    for pattern in ("cards/*", "profiles/*/*.json", "heads/*"):
        for path in sorted(folder.glob(pattern)):
            name = f"{MODELS}{path.relative_to(folder)}"
            # Editors and interrupted installations leave files of other names.
            if most_bytes(name) is not None and path.is_file():
                yield name, path
    for file in sorted(_networks(folder, networks=networks)):
        yield f"{_NETWORKS}{file}", folder / file


def _networks(folder: Path, *, networks: bool) -> Collection[str]:
    from onnx_models import registry  # noqa: PLC0415
    from onnx_models.registry import AddressSource, WheelSource  # noqa: PLC0415

    return {
        card.file
        for card in registry.cards(folder).values()
        if card.file is not None
        and (folder / card.file).is_file()
        and (networks or not isinstance(card.source, AddressSource | WheelSource))
    }


def audit(settings: Settings, held: ExitStack) -> Iterator[tuple[str, BinaryIO, int]]:
    """The files of the audit log, open while `held` is, with the sizes that they have at one moment, and the head that
    is kept of them; nothing where there is no log. Raises OSError, TimeoutError among them, when they cannot be read.
    """
    log = audit_log(settings)
    if not segments.kept_head(log).exists():
        return
    with segments.locked(log, shared=True) as kept:
        head = os.pread(kept, _MOST_HEAD_BYTES, 0)
        # A full file has been renamed, and the next event begins another; or there was none yet.
        paths = [path for path in (*segments.earlier(log), log) if os.path.lexists(path)]
        files = [(path, held.enter_context(plain_file.opened(path, follow=False))) for path in paths]
        sizes = [os.fstat(file.fileno()).st_size for _, file in files]
    for (path, file), size in zip(files, sizes, strict=True):
        yield f"{AUDIT}log{path.name.removeprefix(log.name)}", file, size
    yield f"{AUDIT}head", BytesIO(head), len(head)
