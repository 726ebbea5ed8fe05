"""A file that a command is to write where a person says: it takes the place of nothing that is to stay."""

import stat
from pathlib import Path
from typing import Annotated

import typer

from appliance.settings import Settings
from schemas.errors import ConfigurationError

Force = Annotated[bool, typer.Option("--force", help="Overwrite the file where there is one already.")]


def require_free(settings: Settings, out: Path, *, force: bool) -> None:
    """Raises ConfigurationError for a path at which the appliance keeps something, at which something else lies than a
    plain file, or a file unless `force` is set, and for one in a folder that is not there."""
    if not out.parent.is_dir():
        raise ConfigurationError(f"there is no folder {out.parent}: make it first")
    path = out.parent.resolve() / out.name
    if kept := _kept_at(settings, path):
        raise ConfigurationError(f"{out} is among what the appliance keeps ({kept}): name a file elsewhere")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise ConfigurationError(f"{out} is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"{out} is there already and is no plain file: name another")
    if not force:
        raise ConfigurationError(f"{out} is there already: name another, or overwrite it with --force")


def _kept_at(settings: Settings, path: Path) -> Path | None:
    """The file or folder of the appliance that `path` is, or in which it lies."""
    for folder in (settings.data_dir, settings.store):
        if path.is_relative_to(folder.resolve()):
            return folder
    files = [settings.key_ring, settings.http_tls_certificate, settings.http_tls_key, settings.grpc_tls_certificate]
    files += [settings.grpc_tls_key, settings.tls_client_authorities, settings.keys_file, settings.audit]
    for file in filter(None, files):
        # The lock of the API keys, the head and the full files of the audit log are called after them.
        beside = file in {settings.keys_file, settings.audit} and path.name.startswith(f"{file.name}.")
        for place in (file.parent.resolve() / file.name, file.resolve()):
            if path == place or (beside and path.parent == place.parent):
                return file
    return None
