"""`voiceprint compare`: whether one person speaks in two recordings, or which of many are alike."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import table
from appliance.commands.hearing import Hearing, Model
from appliance.commands.named_out import Force, require_free
from appliance.commands.table import AsJson, show_json
from appliance.exit_codes import ExitCode
from appliance.settings import PREFIX, Settings, load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from appliance.voices.reading import Voice
    from appliance.voices.scores import Scores

    Pair = tuple[Voice, Voice, float]

# A voice with itself.
_ITSELF = "·"


def compare(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="A B",
            help="Two recordings or voiceprints (.vp), in any mix. Of a recording with several channels each is "
            "compared.",
            readable=False,
            show_default=False,
        ),
    ] = None,
    *,
    matrix: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Compare all recordings and voiceprints in a folder with each other instead. A recording whose "
            "voiceprint lies there too is not extracted anew.",
            show_default=False,
        ),
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the matrix as a heat map there.", show_default=False)
    ] = None,
    prior: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Which share of such pairs is of one person, before anything is heard: the probability follows from "
            "it and from the score.",
        ),
    ] = 0.5,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="LLR", help="End with exit code 4 where the highest score of A and B is below.", show_default=False
        ),
    ] = None,
    model: Model = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help=f"Audio source profile that makes scores, over {PREFIX}PROFILE.", show_default=False
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Compare voices: log-likelihood ratio, verdict in words, and the probability that one person speaks in both.

    The ratio says how much likelier what is heard is if one person speaks in both than if two do, as a natural
    logarithm: 0 says nothing, every 2.3 more is ten times likelier. It is the number that the service answers with.
    """
    _refuse_contradictions(files or [], matrix, png, prior, threshold)
    settings = load(profile=profile)
    if png:
        require_free(settings, png, force=force)
    hearing = Hearing(settings, model)
    if matrix:
        _matrix(hearing, settings, matrix, png, as_json=as_json)
        raise typer.Exit(hearing.inputs.exit_code)
    sides = [hearing.file(path) for path in hearing.settled(files or [])]
    if not all(sides):
        raise typer.Exit(hearing.inputs.exit_code)
    pairs = _pairs(hearing, settings, sides)
    _show_pairs(pairs, hearing.card.name, settings, prior, as_json=as_json)
    reached = threshold is None or max(llr for _, _, llr in pairs) >= threshold
    raise typer.Exit(ExitCode.DONE if reached else ExitCode.BELOW)


def _refuse_contradictions(
    files: Sequence[Path], matrix: Path | None, png: Path | None, prior: float, threshold: float | None
) -> None:
    if bool(files) == bool(matrix) or len(files) not in (0, 2):
        raise ConfigurationError("name two recordings or voiceprints, or a folder with --matrix")
    if png and not matrix:
        raise ConfigurationError("--png draws a matrix: name a folder with --matrix")
    if threshold is not None and matrix:
        raise ConfigurationError("--threshold judges one comparison, of A with B")
    if not 0 < prior < 1:
        raise ConfigurationError("--prior: the share of pairs of one person is above 0 and below 1, such as 0.01")


def _pairs(hearing: Hearing, settings: Settings, sides: "Sequence[Sequence[Voice]]") -> "list[Pair]":
    """Every voice of one side with every one of the other."""
    from appliance.voices.scores import scores  # noqa: PLC0415

    a, b = sides
    found = scores(a, b, hearing.card, settings.profile, settings.models)
    return [(one, other, float(found[row, column])) for row, one in enumerate(a) for column, other in enumerate(b)]


def _show_pairs(pairs: "Sequence[Pair]", model: str, settings: Settings, prior: float, *, as_json: bool) -> None:
    from appliance.voices.verdict import per_cent, probability, signed, verdict  # noqa: PLC0415

    if as_json:
        told = [
            {
                "a": _told(one),
                "b": _told(other),
                "llr": llr,
                "verdict": verdict(llr).words,
                "probability": probability(llr, prior),
            }
            for one, other, llr in pairs
        ]
        show_json({"model": model, "profile": settings.profile or "default", "prior": prior, "pairs": told})
        return
    rows = [
        (one.name, other.name, signed(llr), verdict(llr).words, per_cent(probability(llr, prior)))
        for one, other, llr in pairs
    ]
    table.show(("a", "b", "LLR", "verdict", "probability"), rows, _verdict_style)
    if sys.stdout.isatty():
        typer.echo(
            f"\nThe probability takes it that {100 * prior:g} % of such pairs are of one person (--prior).", err=True
        )


def _matrix(hearing: Hearing, settings: Settings, folder: Path, png: Path | None, *, as_json: bool) -> None:
    from appliance.voices.scores import scores  # noqa: PLC0415

    voices = hearing.folder(folder)
    if len(voices) < 2:
        raise ConfigurationError(f"{folder} has fewer than two voices: there is nothing to compare")
    found = scores(voices, voices, hearing.card, settings.profile, settings.models)
    names = [voice.name for voice in voices]
    if as_json:
        show_json(
            {
                "model": hearing.card.name,
                "profile": settings.profile or "default",
                "voices": [_told(voice) for voice in voices],
                "llr": found.tolist(),
            }
        )
    else:
        _show_matrix(names, found)
    if png:
        from appliance.voices import heat_map  # noqa: PLC0415
        from onnx_models.install.writing import write_atomically  # noqa: PLC0415

        title = f"{len(names)} voices of {folder.absolute().name}, by {hearing.card.name}"
        write_atomically(png, heat_map.png(names, found, title))
        typer.echo(png, err=True)


def _show_matrix(names: Sequence[str], found: "Scores") -> None:
    from appliance.voices.verdict import signed  # noqa: PLC0415

    drawn = sys.stdout.isatty()
    # On a terminal names above the columns would leave no room for the columns.
    heads = [str(number) for number in range(1, len(names) + 1)] if drawn else list(names)
    rows = []
    for row, name in enumerate(names):
        cells = [_ITSELF if row == column else signed(float(llr)) for column, llr in enumerate(found[row])]
        rows.append((f"{row + 1}  {name}" if drawn else name, *cells))
    table.show(("voice", *heads), rows, _score_style)


def _verdict_style(cell: str) -> str:
    from appliance.voices.verdict import VERDICTS  # noqa: PLC0415

    return next((f"{found.ink} on {found.ground}" for found in VERDICTS if found.words == cell), "")


def _score_style(cell: str) -> str:
    from appliance.voices.verdict import verdict  # noqa: PLC0415

    if not cell.startswith(("+", "-")):
        return ""
    found = verdict(float(cell))
    return f"{found.ink} on {found.ground}"


def _told(voice: "Voice") -> dict[str, object]:
    held = voice.voiceprint
    return {
        "name": voice.name,
        "channel": held.channel_number,
        "speech_length": held.speech_length,
        "model": held.model,
    }
