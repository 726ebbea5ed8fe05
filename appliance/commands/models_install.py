"""`voiceprint models install` and `bundle`: models from their addresses, from files and from one archive."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import progress
from appliance.commands.audited import note, require
from appliance.commands.own import own_models
from appliance.commands.questions import confirmed
from appliance.settings import Settings, load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.registry import Card

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Models; those that are served and what they need when not given."),
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="The model's file or a folder with it (for the default models their wheels), instead of the network.",
        show_default=False,
    ),
]
BundleFile = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="FILE", help="An archive that `models bundle` made.", show_default=False),
]
AcceptLicence = Annotated[bool, typer.Option("--accept-licence", help="Accept the licences without being asked.")]


def install(
    names: Names = None,
    source: Source = None,
    bundle: BundleFile = None,
    accept_licence: AcceptLicence = False,
) -> None:
    """Fetch, check and build models; nothing is done for those that are installed.

    A download that was cut off goes on where it ended. With --bundle all models of the archive, or those named.
    """
    settings = own_models()
    if bundle is not None:
        if source is not None:
            raise ConfigurationError("--from and --bundle are two ways to the same models; give one of them")
        _install_bundle(bundle, names or [], settings, accept_licence)
        return

    from onnx_models import registry  # noqa: PLC0415
    from onnx_models.install.installing import install as install_model  # noqa: PLC0415

    cards = [registry.card(name, settings.models) for name in names or needed(settings)]
    _accept_licences(cards, settings, accept_licence)
    require(settings)
    for card in cards:
        with progress.shown() as told:
            path = install_model(card, settings.models, source, told)
        typer.echo(path or f"{card.name} has no network: nothing is to be installed")
        if path is not None:
            note(settings, "models.installed", model=card.name)


def bundle(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The archive to write.", show_default=False)],
    names: Names = None,
) -> None:
    """Write installed models to one archive, with cards, profiles and heads of the user's own that belong to them.

    On a machine without a network `voiceprint models install --bundle` takes it.
    """
    settings = load()

    from onnx_models.install import bundle as bundles  # noqa: PLC0415

    manifest = bundles.make(out, settings.models, names or needed(settings))
    typer.echo(f"{len(manifest.files)} files of {', '.join(manifest.models)}", err=True)
    typer.echo(out)


def needed(settings: Settings) -> list[str]:
    """What is served, and the voice activity detector that all of it needs."""
    from onnx_models import registry  # noqa: PLC0415

    return [*settings.served_models, registry.VOICE_ACTIVITY_MODEL]


def _install_bundle(path: Path, names: list[str], settings: Settings, accept_licence: bool) -> None:
    from onnx_models.install import unbundle  # noqa: PLC0415

    with ExitStack() as stack:
        # The bar is gone before a question comes.
        with progress.shown() as told:
            found = stack.enter_context(unbundle.opened(path, settings.models, told))
        _accept_licences([card for card in found.cards if card.name in names or not names], settings, accept_licence)
        require(settings)
        for installed in found.install(names):
            typer.echo(installed)
        for card in found.cards:
            if card.name in names or not names:
                note(settings, "models.installed", model=card.name)


def _accept_licences(cards: Iterable["Card"], settings: Settings, accepted: bool) -> None:
    """Shows what models that come from elsewhere may be used for and were made of, and asks unless `accepted`.

    The default models are free software from the package index, like the appliance's other parts: they are not asked
    about.
    """
    from onnx_models import registry  # noqa: PLC0415
    from onnx_models.registry import SpeakerCard, WheelSource  # noqa: PLC0415

    foreign = [
        card
        for card in cards
        if card.source is not None
        and not isinstance(card.source, WheelSource)
        and not registry.installed(card, settings.models)
    ]
    for card in foreign:
        typer.secho(f"{card.name}: {card.summary}", bold=True, err=True)
        typer.echo(f"  licence        {card.licence}", err=True)
        typer.echo(f"  training data  {card.training_data}", err=True)
        if isinstance(card, SpeakerCard):
            typer.echo(f"  published EER  {card.published_eer}", err=True)
        typer.echo(f"  size           {card.bytes / 1e6:.1f} MB", err=True)
        if (address := getattr(card.source, "address", None)) is not None:
            typer.echo(f"  address        {address}", err=True)
    if foreign and not accepted:
        names = ", ".join(card.name for card in foreign)
        confirmed(f"Do you accept the licence of {names}?", "--accept-licence")
