"""The command line `voiceprint`. Commands import what they need when they run, so that none pays for another."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from appliance.commands import calibrate, convert, diagnose, extract, heads, models, profiles, redis, run
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
for command in (run.up, run.serve, run.worker, extract.extract, convert.convert, calibrate.calibrate, diagnose.doctor):
    app.command()(command)
app.add_typer(models.models, name="models")
app.add_typer(heads.heads, name="heads")
app.add_typer(profiles.profiles, name="profiles")
app.add_typer(redis.redis, name="redis")


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
    try:
        app()
    except OSError as error:
        # What is printed may end on a full disk or in a pipe that nobody reads.
        typer.secho(f"error: {error.strerror or error}", fg=typer.colors.RED, err=True)
        sys.exit(ExitCode.FAULT)
    except ApplianceError as error:
        typer.secho(f"error: {error.message}", fg=typer.colors.RED, err=True)
        sys.exit(ExitCode.MISCONFIGURED if isinstance(error, ConfigurationError) else ExitCode.FAULT)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
