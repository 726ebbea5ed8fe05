"""`voiceprint backup`, `verify-backup` and `restore`: the appliance's state in one archive, and back."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from appliance.commands import progress, table
from appliance.commands.audited import note, require
from appliance.commands.named_out import Force, require_free
from appliance.commands.own import own
from appliance.commands.table import AsJson, DoneAsJson
from appliance.settings import Settings
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from appliance.backup.format import Manifest

_STEP_PER_CENT = 10

Out = Annotated[Path, typer.Argument(metavar="OUT.tar", help="The archive to write, - for standard output.")]
In = Annotated[Path, typer.Argument(metavar="IN.tar", help="The archive, - for standard input.")]


def backup(
    out: Out,
    with_results: Annotated[
        bool,
        typer.Option("--with-results/--without-results", help="Take tasks that have ended, with their results."),
    ] = True,
    with_networks: Annotated[
        bool,
        typer.Option(
            "--with-networks/--without-networks", help="Take networks too that `models install` could fetch again."
        ),
    ] = False,
    force: Force = False,
    as_json: DoneAsJson = False,
) -> None:
    """Write the appliance's state to one archive, while it runs or not; never the key ring.

    Tasks with their uploads and results, what is still to be told to callback URLs, API keys (hashes), the audit log,
    and models, profiles and heads of your own. Encrypted files stay encrypted.
    """
    if as_json and str(out) == "-":
        raise ConfigurationError("--json and the archive cannot both be on standard output: name a file")
    settings = own()
    _end_cleanly()

    from appliance.backup.making import make  # noqa: PLC0415

    require(settings)
    with _written(settings, out, force=force) as file:
        manifest = asyncio.run(make(settings, file, ended=with_results, networks=with_networks, told=_Told()))
    note(settings, "backup.made")
    if as_json:
        table.show_json(_facts(manifest))
    typer.echo(f"{manifest.counts.told()}{_needed(manifest.key_ids)}", err=True)


def verify_backup(archive: In, as_json: AsJson = False) -> None:
    """Read a backup and check all of it; nothing is written.

    With a key ring also that it is what this ring sealed.
    """
    settings = own()

    from appliance.backup.restoring import verify  # noqa: PLC0415

    with _read(archive) as file, progress.shown() as told:
        backup = verify(file, settings.ring(), told)
    if as_json:
        table.show_json({**_facts(backup.manifest), "sealed": backup.sealed})
        return
    how = (
        "its seal is right" if backup.sealed else "who made it was not checked: it has no seal, or its key is not here"
    )
    typer.echo(f"{backup.manifest.counts.told()}{_needed(backup.manifest.key_ids)}; {how}")


def restore(archive: In, as_json: DoneAsJson = False) -> None:
    """Put a backup into an appliance that has no tasks and does not run; nothing is ever overwritten.

    All of the backup is read and checked before anything is changed. One that was interrupted is repeated with the same
    archive.
    """
    settings = own()
    _end_cleanly()

    from appliance.backup.restoring import restore as put_back  # noqa: PLC0415

    require(settings, comes=True)
    with _read(archive) as file, progress.shown() as told:
        manifest = asyncio.run(put_back(settings, file, told))
    note(settings, "backup.restored")
    if as_json:
        table.show_json(_facts(manifest))
    typer.echo(manifest.counts.told(), err=True)


def _facts(manifest: "Manifest") -> dict[str, Any]:
    return {**manifest.counts.model_dump(), "key_ids": manifest.key_ids}


class _Told:
    """A line for every tenth of the tasks."""

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, done: int, total: int) -> None:
        share = done * 100 // total // _STEP_PER_CENT * _STEP_PER_CENT
        if share > self._shown:
            typer.echo(f"{done:,} of {total:,} tasks", err=True)
            self._shown = share


@contextmanager
def _written(settings: Settings, out: Path, *, force: bool) -> Iterator[BinaryIO]:
    if str(out) == "-":
        if sys.stdout.isatty():
            raise ConfigurationError("a backup is not for a terminal: give a file, or lead the output into one")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return

    from onnx_models.install.writing import replacing, require_writable  # noqa: PLC0415

    require_free(settings, out, force=force)
    require_writable(out)
    with replacing(out, mode=0o600) as file:
        yield file


@contextmanager
def _read(archive: Path) -> Iterator[BinaryIO]:
    if str(archive) == "-":
        yield sys.stdin.buffer
        return
    from schemas import plain_file  # noqa: PLC0415

    try:
        file = plain_file.opened(archive)
    except OSError as error:
        raise ConfigurationError(f"{archive} cannot be read: {error.strerror}") from error
    with BufferedReader(file) as buffered:
        yield buffered


def _needed(key_ids: tuple[int, ...]) -> str:
    return f"; it needs a key ring with the key {', '.join(map(str, key_ids))}" if key_ids else ""


def _end_cleanly() -> None:
    """A service manager that stops the command is answered as Ctrl-C is: nothing half done is left."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
