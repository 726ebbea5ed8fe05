"""`voiceprint models …`: the networks, shown and verified here; what changes them is in files of its own."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appliance.commands import add, models_install, models_retire, quantize, table
from appliance.commands.models_install import Names, needed
from appliance.exit_codes import ExitCode
from appliance.settings import Settings, load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.registry import Card

models = typer.Typer(help="The models: show, install, verify, add, quantize, bundle, retire.", no_args_is_help=True)


@models.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list, with everything that the cards say.")] = False,
) -> None:
    """Show every known model, and whether it is installed and served."""
    settings = load()

    from onnx_models import registry  # noqa: PLC0415
    from schemas import json  # noqa: PLC0415

    found = [_described(card, settings) for card in registry.cards(settings.models).values()]
    if as_json:
        sys.stdout.buffer.write(json.encode(found) + b"\n")
        return
    table.show(
        ("model", "family", "dimension", "space", "licence", "installed", "served", "calibrated"),
        [
            (
                model["name"],
                model["family"] or model["kind"],
                str(model["dimension"] or ""),
                model["space"] or "",
                model["licence"],
                "yes" if model["installed"] else "no",
                "default" if model["default"] else "yes" if model["served"] else "no",
                model["calibrated"] or "",
            )
            for model in found
        ],
    )


def _described(card: "Card", settings: Settings) -> dict[str, Any]:
    from onnx_models import profiles, registry  # noqa: PLC0415
    from onnx_models.registry import AddressSource, SpeakerCard  # noqa: PLC0415

    speaker = card if isinstance(card, SpeakerCard) else None
    calibration = profiles.card_profile(speaker).calibration if speaker else None
    return {
        "name": card.name,
        "kind": card.kind,
        "summary": card.summary,
        "family": speaker and speaker.family,
        "dimension": speaker and speaker.dimension,
        "space": speaker and speaker.space,
        "sample_rate": card.sample_rate,
        "licence": card.licence,
        "training_data": card.training_data,
        "published_eer": speaker and speaker.published_eer,
        "address": card.source.address if isinstance(card.source, AddressSource) else None,
        "bytes": card.bytes,
        "sha256": card.sha256 if card.file else None,
        "own": not card.shipped,
        "installed": registry.installed(card, settings.models),
        "served": card.name in needed(settings),
        "default": card.name == settings.model,
        "calibrated": calibration.fitted if calibration else None,
    }


@models.command("verify")
def verify_models(names: Names = None) -> None:
    """Read installed models and compare them with their pinned SHA-256."""
    settings = load()

    from onnx_models import registry  # noqa: PLC0415

    wrong = False
    for card in [registry.card(name, settings.models) for name in names or needed(settings)]:
        try:
            known = card.name if card.file is None else registry.verify(card, settings.models)
            typer.echo(f"{known} has no network" if card.file is None else f"{known} is as pinned")
        except ConfigurationError as error:
            wrong = True
            typer.secho(f"error: {error.message}", fg=typer.colors.RED, err=True)
    raise typer.Exit(ExitCode.FAULT if wrong else ExitCode.DONE)


models.command("install")(models_install.install)
models.command("bundle")(models_install.bundle)
models.command("retire")(models_retire.retire)
models.command("add")(add.add)
models.command("quantize")(quantize.quantize)
