"""`voiceprint models retire`: what a model's end would strand, and then its end."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import table
from appliance.commands.audited import note, require
from appliance.commands.own import own_models
from appliance.commands.questions import confirmed
from appliance.settings import PREFIX, Settings
from schemas.errors import ApplianceError, ConfigurationError

if TYPE_CHECKING:
    from onnx_models.install.retire import Stranded


def retire(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model.", show_default=False)],
    voiceprints: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="A folder in which voiceprints are counted by their embedding space: .vp files, and Base64 in others.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it without being asked.")] = False,
    as_json: table.DoneAsJson = False,
) -> None:
    """Remove a model, after saying what would be left without one that understands it.

    Removed are its file and, for a model of your own, its card. Profiles, heads and voiceprints stay where they are.
    """
    settings = own_models()

    from onnx_models import registry  # noqa: PLC0415
    from onnx_models.install import retire as retiring  # noqa: PLC0415

    card = registry.card(name, settings.models)
    found = retiring.stranded(card, settings.models)
    if not found.removed:
        raise ConfigurationError(f"{name} is not installed in {settings.models}: there is nothing to remove")
    for line in (*_lines(found), *_voiceprint_lines(found, voiceprints or [], settings), *_task_lines(name, settings)):
        typer.echo(line, err=True)
    # After the report: what a model's end would strand is asked before it is taken out of service.
    _refuse_served(name, settings)
    if not yes:
        confirmed(f"Remove {name}?", "--yes")
    require(settings)
    removed = retiring.retire(card, settings.models)
    if as_json:
        stranded = [str(path) for path in (*found.profiles, *found.heads) if found.anything]
        told = {"space": found.space, "successors": found.successors, "stranded": stranded}
        table.show_json({"model": name, **told, "removed": [str(path) for path in removed]})
    else:
        for path in removed:
            typer.echo(path)
    note(settings, "models.retired", model=name)


def _refuse_served(name: str, settings: Settings) -> None:
    from onnx_models.registry import VOICE_ACTIVITY_MODEL  # noqa: PLC0415

    if name == VOICE_ACTIVITY_MODEL:
        raise ConfigurationError(f"{name} finds the speech for every model and cannot be retired")
    for setting, names in (("MODEL", (settings.model,)), ("MORE_MODELS", settings.more_models)):
        if name in names:
            raise ConfigurationError(
                f"{name} is served: {PREFIX}{setting} names it. Set that to another model and restart, then retire it"
            )


def _lines(found: "Stranded") -> list[str]:
    if found.successors:
        *others, last = found.successors
        named = f"{', '.join(others)} and {last} make" if others else f"{last} makes"
        return [f"nothing is stranded: {named} vectors of the same space, {found.space}"]
    if not found.anything:
        return []
    return [
        f"no other installed model makes vectors of the space {found.space}: its voiceprints fit no new recording then",
        *(f"profile without a model: {path}" for path in found.profiles),
        *(f"head without a model: {path}" for path in found.heads),
        *(f"calibration that goes with its card: {path}" for path in found.removed if path.suffix == ".json"),
    ]


def _voiceprint_lines(found: "Stranded", folders: list[Path], settings: Settings) -> list[str]:
    from onnx_models.install.retire import find_voiceprints  # noqa: PLC0415

    if not folders:
        return [] if not found.anything else ["voiceprints are counted in the folders that --voiceprints names"]
    ring = settings.ring()
    counted = find_voiceprints(folders, ring.derive("voiceprint").by_id if ring else None)
    lines = [
        f"{count} voiceprints of the space {space}" + (": stranded" if found.anything and space == found.space else "")
        for space, count in sorted(counted.by_space.items())
    ]
    if counted.unreadable:
        lines.append(
            f"{counted.unreadable} voiceprints that could not be counted: damaged, or signed with an unknown key"
        )
    return lines or ["no voiceprints were found"]


def _task_lines(name: str, settings: Settings) -> list[str]:
    """What waits in the configured Redis and asks for the model; an embedded one has ended with its appliance."""
    if settings.redis_url is None:
        return []

    import asyncio  # noqa: PLC0415

    try:
        waiting = asyncio.run(_waiting(name, settings, settings.redis_url.get_secret_value()))
    except ApplianceError as error:
        return [f"whether tasks wait for it is not known: {error.message}"]
    return [f"{waiting} tasks wait or run and ask for it; they will be rejected"] if waiting else []


async def _waiting(name: str, settings: Settings, url: str) -> int:
    from tasks.stores import Stores  # noqa: PLC0415

    async with Stores(url, settings.store, settings.ring()).tasks() as store:
        return sum([record.parameters.get("model") == name async for record in store.open_records()])
