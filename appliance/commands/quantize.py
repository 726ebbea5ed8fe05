"""`voiceprint models quantize`: a second model of the same weights in 8 bits, after a report of what that costs."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import questions, table
from appliance.commands.own import own_models
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.brought.card_file import Fields
    from onnx_models.brought.weighing import Weighed
    from onnx_models.registry import SpeakerCard

# Vectors of both networks are to be compared with each other, in one embedding space; below this they drift apart.
LEAST_COSINE = 0.98


def quantize(
    name: Annotated[str, typer.Argument(help="An installed speaker model.", show_default=False)],
    *,
    calibrate: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Recordings to calibrate and report on, in a folder per speaker.", show_default=False
        ),
    ],
    trials: Annotated[
        Path | None,
        typer.Option(help="A list of trials of the recordings in DIR, to report on them.", show_default=False),
    ] = None,
    new_name: Annotated[
        str | None, typer.Option("--name", help="Name of the new model; NAME-int8.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Install the result without asking.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help=f"Even when the mean cosine falls below {LEAST_COSINE}.")
    ] = False,
) -> None:
    """Make a faster model of 8 bits, report speed, cosine and EER before and after, and ask before it is installed.

    Convolutions are quantised, or the LSTM layers after the first. The original stays as it is.
    """
    settings = own_models()

    from onnx_models import registry  # noqa: PLC0415
    from onnx_models.brought import card_file, quantize, weighing  # noqa: PLC0415

    card = registry.speaker_card(name, settings.models)
    own = new_name or f"{name}-int8"
    if own in registry.cards(settings.models):
        raise ConfigurationError(f"there is already a model {own!r}; choose another --name, or retire it first")
    path = registry.verify(card, settings.models)
    if yes:
        card_file.require_places(own, settings.models)
    corpus = weighing.recordings(calibrate, trials)
    windows = weighing.windows(card, corpus.recordings, settings.models)
    graph, how = quantize.quantised(path, windows)
    _tell(how)
    weighed = weighing.weigh(card, graph, corpus, settings.models, _tell)
    _report(card, len(graph), weighed)
    if weighed.cosine_mean < LEAST_COSINE and not force:
        raise ConfigurationError(
            f"the vectors of 8 bits are too unlike those of {name} (mean cosine {weighed.cosine_mean:.4f}, wanted "
            f"{LEAST_COSINE}): nothing is installed; calibrate on other recordings, or insist with --force"
        )
    if not yes:
        questions.confirmed(f"Install this as the model {own}?", "--yes")
    fields = _fields(card, own, graph, how)
    made = card_file.write(fields, settings.models, graph, card_file.of_space(fields, card))
    _tell(f"{own} is installed, in the embedding space {card.space} of {name}; serve it with VOICEPRINT_MODEL={own}")
    typer.echo(made.path(settings.models))


def _fields(card: "SpeakerCard", name: str, graph: bytes, how: str) -> "Fields":
    return {
        "name": name,
        "kind": "speaker",
        "summary": f"{card.name} in 8 bits: {how}",
        "file": f"{name}.onnx",
        "bytes": len(graph),
        "sha256": hashlib.sha256(graph).hexdigest(),
        "sample_rate": card.sample_rate,
        "licence": card.licence,
        "training_data": card.training_data,
        "published_eer": f"of {card.name}, not of this file: {card.published_eer}",
        "space": card.space,
        "dimension": card.dimension,
        "output": card.output,
        "unit_length": card.unit_length,
        "family": card.family,
        "window_seconds": card.window_seconds,
        "hop_seconds": card.hop_seconds,
        "windows_at_once": card.windows_at_once,
        "family_options": dict(card.family_options),
        "source": {"brought": f"{card.file} of SHA-256 {card.sha256}, quantised"},
    }


def _report(card: "SpeakerCard", size: int, weighed: "Weighed") -> None:
    """Standard output, because it is what was asked for."""
    table.show(
        ("", card.name, "8 bits"),
        [
            ("megabytes", f"{card.bytes / 1e6:.1f}", f"{size / 1e6:.1f}"),
            ("times real time", f"{weighed.speed_before:.1f}", f"{weighed.speed_after:.1f}"),
            ("EER", _per_cent(weighed.eer_before), _per_cent(weighed.eer_after)),
            ("cosine, mean", "", f"{weighed.cosine_mean:.5f}"),
            ("cosine, least", "", f"{weighed.cosine_min:.5f}"),
        ],
    )
    trials = f"{weighed.targets:,} target and {weighed.nontargets:,} non-target trials"
    _tell(
        f"{weighed.recordings} recordings; " + (trials if weighed.eer_before is not None else "no EER without speakers")
    )


def _per_cent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.2f} %"


def _tell(line: str) -> None:
    typer.echo(line, err=True)
