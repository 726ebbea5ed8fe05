"""The command line `voiceprint`. Commands import what they need when they run, so that none pays for another."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Protocol, runtime_checkable

import typer

from appliance.commands import (
    backup,
    calibrate,
    client,
    compare,
    completion,
    convert,
    diagnose,
    draw_map,
    erase,
    extract,
    heads,
    keys,
    models,
    profiles,
    redis,
    run,
    shadow,
    watch,
)
from appliance.commands.audit import audit
from appliance.commands.inputs import complain
from appliance.commands.keyring import keyring
from appliance.commands.manual import Manual
from appliance.exit_codes import ExitCode
from appliance.settings import colour
from schemas.errors import ApplianceError, ConfigurationError

app = Manual(
    name="voiceprint",
    help="The open voiceprint appliance: recordings in, speaker voiceprints and vectors out.",
    pretty_exceptions_enable=False,
)

# In the order in which `voiceprint --help` lists them.
_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Voices": {
        "extract": extract.extract,
        "compare": compare.compare,
        "map": draw_map.draw_map,
        "watch": watch.watch,
        "convert": convert.convert,
        "calibrate": calibrate.calibrate,
        "shadow": shadow.shadow,
    },
    "The appliance": {
        "up": run.up,
        "serve": run.serve,
        "grpc": run.grpc,
        "worker": run.worker,
        "doctor": diagnose.doctor,
        "completion": completion.completion,
    },
    "What it keeps": {
        "erase": erase.erase,
        "backup": backup.backup,
        "verify-backup": backup.verify_backup,
        "restore": backup.restore,
    },
}
_GROUPS = {
    "Elsewhere": {"client": client.client},
    "What it uses": {
        "models": models.models,
        "heads": heads.heads,
        "profiles": profiles.profiles,
        "redis": redis.redis,
    },
    "Who may do what": {"keys": keys.keys, "keyring": keyring, "audit": audit},
}
for heading, commands in _COMMANDS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=heading)(command)
for heading, groups in _GROUPS.items():
    for name, group in groups.items():
        app.add_typer(group, name=name, rich_help_panel=heading)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"voiceprint {version('voiceprint-appliance')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    return


def main() -> None:
    """Runs the command line; what people can put right is one line on standard error, never a stack trace."""
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        sys.exit(app(standalone_mode=False, color=colour()))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        # An import that is interrupted may fail with any exception.
        if interrupted:
            sys.exit(ExitCode.INTERRUPTED)
        sys.exit(_complaint(error))


@runtime_checkable
class _Misused(Protocol):
    """What typer raises for words that it cannot take."""

    ctx: typer.Context | None

    def format_message(self) -> str: ...


def _complaint(error: Exception) -> ExitCode:
    """Says what is wrong. Raises `error` again when that is not for people to put right."""
    if isinstance(error, ApplianceError):
        complain(error.message)
        return ExitCode.MISCONFIGURED if isinstance(error, ConfigurationError) else ExitCode.FAULT
    if isinstance(error, _Misused):
        _explain(error)
        return ExitCode.MISCONFIGURED
    if isinstance(error, typer.Abort):
        # Ctrl-C or the end of the input, at a question.
        complain("nothing was changed")
        return ExitCode.FAULT
    if isinstance(error, OSError):
        # What is printed may end on a full disk or in a pipe that nobody reads.
        named = f"{error.filename}: " if error.filename else ""
        cure = "; run this as the user to whom it belongs" if named and isinstance(error, PermissionError) else ""
        complain(f"{named}{error.strerror or error}{cure}")
        return ExitCode.FAULT
    raise error


def _explain(error: _Misused) -> None:
    """What is wrong with the words, the nearest that would be right, and where all are explained."""
    said = error.format_message().replace("Value error, ", "")
    if error.ctx is not None and said == error.ctx.get_help():
        # Nothing but a group of commands was named.
        typer.echo(said, err=True, color=colour())
        return
    if near := getattr(error, "possibilities", None):
        said = f"there is no option {getattr(error, 'option_name', '')} (did you mean {near[0]}?)"
    complain(said)
    if error.ctx is not None:
        typer.echo(f"`{error.ctx.command_path} --help` explains it", err=True)
