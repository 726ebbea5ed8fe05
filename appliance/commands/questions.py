"""Questions to the person at the terminal; a script answers them beforehand, with an option."""

import sys

import typer

from schemas.errors import ConfigurationError


def confirmed(question: str, option: str) -> None:
    """Asks `question`. Raises ConfigurationError naming `option` where nobody can be asked, typer.Exit for a no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(f"{question} There is no terminal to ask on: say yes with {option}")
    if not typer.confirm(question, err=True):
        typer.echo("nothing was changed", err=True)
        raise typer.Exit(1)
