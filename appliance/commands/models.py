"""`voiceprint models …`: the networks, shown and verified here; what changes them is in files of its own."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appliance.commands import add, models_install, models_retire, quantize, table
from appliance.commands.inputs import complain
from appliance.commands.manual import Manual
from appliance.commands.models_install import Names, needed
from appliance.commands.table import AsJson, show_json
from appliance.exit_codes import ExitCode
from appliance.settings import Settings, load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.registry import Card

models = Manual(help="The models: show, install, verify, add, quantize, bundle, retire.")


@models.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list, with everything that the cards say.")] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File with an API key of the appliance that runs here.", show_default=False),
    ] = None,
) -> None:
    """Show every known model: whether it is installed and served, how its vectors compare, how its scores are made.

    Device and speed are those of the workers of an appliance that runs at the settings' address.
    """
    settings = load()

    from onnx_models import registry  # noqa: PLC0415
    from schemas import json  # noqa: PLC0415

    live = _live(settings, key_file)
    found = [_described(card, settings, live.get(card.name, {})) for card in registry.cards(settings.models).values()]
    if as_json:
        sys.stdout.buffer.write(json.encode(found) + b"\n")
        return
    table.show(
        (
            "model",
            "family",
            "dimension",
            "licence",
            "state",
            "device",
            "speed",
            "metric",
            "LLR",
            "calibrated",
        ),
        [
            (
                model["name"],
                model["family"] or model["kind"],
                str(model["dimension"] or ""),
                model["licence"],
                _state(model),
                model["device"] or "",
                f"{model['times_real_time']:.0f} x real time" if model["times_real_time"] else "",
                _metric(model),
                _ratio(model),
                model["calibrated"] or "",
            )
            for model in found
        ],
    )


def _state(model: dict[str, Any]) -> str:
    if not model["served"]:
        return "installed" if model["installed"] else ""
    return ("default" if model["default"] else "served") + ("" if model["installed"] else ", not installed")


def _metric(model: dict[str, Any]) -> str:
    if model["metric"] is None:
        return ""
    return f"{model['metric']} of unit vectors" if model["unit_length"] else str(model["metric"])


def _ratio(model: dict[str, Any]) -> str:
    """How a cosine of long speech becomes a log-likelihood ratio."""
    if model["slope"] is None:
        return ""
    return f"{model['slope']:.2f} x cosine {'-' if model['offset'] < 0 else '+'} {abs(model['offset']):.2f}"


def _live(settings: Settings, key_file: Path | None) -> dict[str, dict[str, Any]]:
    """What an appliance that runs at the settings' address tells of its models, by name; nothing when none does."""
    from appliance import asking  # noqa: PLC0415
    from appliance.shadow.doors import read_key  # noqa: PLC0415
    from schemas import json  # noqa: PLC0415

    told = asking.told(settings, "/api/system/models", read_key(key_file) if key_file else "")
    try:
        return {model["name"]: model for model in json.decode(told or b"{}").get("models", [])}
    except ValueError:
        return {}


def _described(card: "Card", settings: Settings, live: dict[str, Any]) -> dict[str, Any]:
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
        "device": live.get("device"),
        "times_real_time": live.get("times_real_time"),
        "metric": "cosine" if speaker else None,
        "unit_length": speaker and speaker.unit_length,
        "calibrated": calibration.fitted if calibration else None,
        "slope": calibration.slope if calibration else None,
        "offset": calibration.offset if calibration else None,
    }


@models.command("verify")
def verify_models(names: Names = None, as_json: AsJson = False) -> None:
    """Read installed models and compare them with their pinned SHA-256."""
    settings = load()

    from onnx_models import registry  # noqa: PLC0415

    told: list[dict[str, object]] = []
    for card in [registry.card(name, settings.models) for name in names or needed(settings)]:
        path, fault = None, None
        try:
            path = None if card.file is None else registry.verify(card, settings.models)
        except ConfigurationError as error:
            fault = error.message
        told.append({"model": card.name, "path": path and str(path), "as_pinned": fault is None, "error": fault})
        if fault:
            complain(fault)
        elif not as_json:
            typer.echo(f"{path} is as pinned" if path else f"{card.name} has no network")
    if as_json:
        show_json(told)
    raise typer.Exit(ExitCode.DONE if all(one["as_pinned"] for one in told) else ExitCode.FAULT)


models.command("install")(models_install.install)
models.command("bundle")(models_install.bundle)
models.command("retire")(models_retire.retire)
models.command("add")(add.add)
models.command("quantize")(quantize.quantize)
