"""`voiceprint profiles …`: the audio source profiles that were kept by `voiceprint calibrate`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import table
from appliance.commands.completion import model_names
from appliance.commands.inputs import complain
from appliance.commands.manual import Manual
from appliance.commands.own import own_models
from appliance.commands.table import AsJson, show_json
from appliance.exit_codes import ExitCode
from appliance.settings import PREFIX, load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.profiles import Profile

profiles = Manual(help="Audio source profiles: show and remove them.")

Name = Annotated[str, typer.Argument(help="A profile; `default` is the model's own.")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help=f"Speaker model, over {PREFIX}MODEL.", autocompletion=model_names, show_default=False
    ),
]


@profiles.command("list")
def list_profiles(model: Model = None, as_json: AsJson = False) -> None:
    """Show the profiles for voiceprints of a model."""
    settings = load(model=model)

    from onnx_models import profiles as saved  # noqa: PLC0415
    from onnx_models import registry  # noqa: PLC0415

    card = registry.speaker_card(settings.model, settings.models)
    rows: list[tuple[str, ...]] = []
    records, faults = [], []
    for name in (saved.DEFAULT_PROFILE, *saved.profiles(settings.models, card.space)):
        try:
            profile = saved.find_profile(name, card, settings.models)
        except ConfigurationError as error:
            rows.append((name, card.space, "damaged", "-", "-", "-"))
            faults.append(error.message)
        else:
            rows.append(_row(profile))
            records.append(_record(profile))
    if as_json:
        show_json(records)
    else:
        table.show(("profile", "space", "created", "slope", "offset", "cohort"), rows)
    for fault in faults:
        complain(fault)
    raise typer.Exit(ExitCode.REFUSED if faults else ExitCode.DONE)


def _row(profile: "Profile") -> tuple[str, ...]:
    return (
        profile.name,
        profile.space,
        profile.created or "-",
        f"{profile.calibration.slope:.3f}" if profile.calibration else "-",
        f"{profile.calibration.offset:.3f}" if profile.calibration else "-",
        "no" if profile.cohort is None else f"{len(profile.cohort)} speakers",
    )


def _record(profile: "Profile") -> dict[str, object]:
    return {
        "profile": profile.name,
        "space": profile.space,
        "created": profile.created or None,
        "calibration": profile.calibration.record() if profile.calibration else None,
        "cohort_speakers": None if profile.cohort is None else len(profile.cohort),
    }


@profiles.command("show")
def show_profile(name: Name, model: Model = None) -> None:
    """Print a profile as JSON, as its file has it."""
    settings = load(model=model)

    from onnx_models import profiles as saved  # noqa: PLC0415
    from onnx_models import registry  # noqa: PLC0415

    card = registry.speaker_card(settings.model, settings.models)
    sys.stdout.buffer.write(saved.encoded(saved.find_profile(name, card, settings.models)))


@profiles.command("remove")
def remove_profile(name: Name, model: Model = None) -> None:
    """Remove a profile; voiceprints are not touched, they do not depend on it."""
    settings = own_models(model=model)

    from onnx_models import profiles as saved  # noqa: PLC0415
    from onnx_models import registry  # noqa: PLC0415

    saved.remove_profile(name, registry.speaker_card(settings.model, settings.models).space, settings.models)
