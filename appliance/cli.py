"""The command line `voiceprint`. Commands import what they need when they run, so that none pays for another."""

import signal
import sys
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer

from appliance.commands import (
    backup,
    calibrate,
    convert,
    diagnose,
    erase,
    extract,
    heads,
    keys,
    models,
    profiles,
    redis,
    run,
    shadow,
)
from appliance.commands.audit import audit
from appliance.commands.inputs import complain
from appliance.commands.keyring import keyring
from appliance.exit_codes import ExitCode
from schemas.errors import ApplianceError, ConfigurationError

app = typer.Typer(
    name="voiceprint",
    help="The open voiceprint appliance: recordings in, speaker voiceprints and vectors out.",
    epilog="Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    run.up,
    run.serve,
    run.grpc,
    run.worker,
    extract.extract,
    convert.convert,
    calibrate.calibrate,
    diagnose.doctor,
    erase.erase,
    backup.backup,
    backup.verify_backup,
    backup.restore,
):
    app.command()(command)
app.command()(shadow.shadow)
app.add_typer(models.models, name="models")
app.add_typer(heads.heads, name="heads")
app.add_typer(profiles.profiles, name="profiles")
app.add_typer(redis.redis, name="redis")
app.add_typer(keyring, name="keyring")
app.add_typer(keys.keys, name="keys")
app.add_typer(audit, name="audit")


def _show_version(wanted: bool) -> None:
    if wanted:
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
        app()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        # An import that is interrupted may fail with any exception.
        if interrupted:
            sys.exit(ExitCode.INTERRUPTED)
        sys.exit(_complaint(error))


def _complaint(error: Exception) -> ExitCode:
    """Says what is wrong. Raises `error` again when that is not for people to put right."""
    if isinstance(error, ApplianceError):
        complain(error.message)
        return ExitCode.MISCONFIGURED if isinstance(error, ConfigurationError) else ExitCode.FAULT
    if isinstance(error, OSError):
        # What is printed may end on a full disk or in a pipe that nobody reads.
        named = f"{error.filename}: " if error.filename else ""
        cure = "; run this as the user to whom it belongs" if named and isinstance(error, PermissionError) else ""
        complain(f"{named}{error.strerror or error}{cure}")
        return ExitCode.FAULT
    raise error
