"""`voiceprint models quantize`: a second model of the same weights in fewer bits, after a report of what that costs."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from appliance.commands import questions, table
from appliance.commands.own import own_models
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.brought.card_file import Fields
    from onnx_models.brought.weighing import Weighed
    from onnx_models.registry import SpeakerCard

# Vectors of both networks are to be compared with each other, in one embedding space; below this they drift apart: the
# mean cosine of 8 bits, and any of 16, which are to change nothing.
LEAST_COSINE = 0.98
LEAST_COSINE_OF_HALVES = 0.9999
# What is appended to the names of models, and where they are faster than the original.
_SUFFIXES = {"8": "int8", "16": "fp16"}
_DEVICES = {"8": "cpu", "16": "auto"}


def quantize(
    name: Annotated[str, typer.Argument(help="An installed speaker model.", show_default=False)],
    *,
    bits: Annotated[Literal["8", "16"], typer.Option(help="8 for processors; 16, which are floats, for GPUs.")] = "8",
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
        str | None, typer.Option("--name", help="Name of the new model; NAME-int8 or NAME-fp16.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Install the result without asking.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even when the vectors of both are too unlike.")] = False,
    as_json: table.DoneAsJson = False,
) -> None:
    """Make a faster model of fewer bits, report speed, cosine and EER before and after, and ask before it is installed.

    Of 8 bits become convolutions, or the LSTM layers after the first; of 16 all but a recurrent first layer. What is of
    16 bits is weighed on the GPU, where there is one. The original stays as it is.
    """
    settings = own_models()

    from onnx_models import registry  # noqa: PLC0415
    from onnx_models.brought import card_file, halve, quantize, weighing  # noqa: PLC0415

    card = registry.speaker_card(name, settings.models)
    own = new_name or f"{name}-{_SUFFIXES[bits]}"
    if own in registry.cards(settings.models):
        raise ConfigurationError(f"there is already a model {own!r}; choose another --name, or retire it first")
    path = registry.verify(card, settings.models)
    if yes:
        card_file.require_places(own, settings.models)
    corpus = weighing.recordings(calibrate, trials)
    graph, how = (
        halve.halved(path)
        if bits == "16"
        else quantize.quantised(path, weighing.windows(card, corpus.recordings, settings.models))
    )
    _tell(how)
    weighed = weighing.weigh(card, graph, corpus, settings.models, _tell, device=_DEVICES[bits])
    if not as_json:
        _report(card, bits, len(graph), weighed)
    if bits == "16" and weighed.device == "cpu":
        _tell("there is no GPU here: these are figures of the processor, which computes in 32 bits all the same")
    fault = _unlike(bits, weighed)
    if fault and not force:
        raise ConfigurationError(
            f"the vectors of {bits} bits are too unlike those of {name} ({fault}): nothing is installed; calibrate on "
            "other recordings, or insist with --force"
        )
    if not yes:
        questions.confirmed(f"Install this as the model {own}?", "--yes")
    fields = _fields(card, own, graph, f"{card.name} in {bits} bits: {how}")
    made = card_file.write(fields, settings.models, graph, card_file.of_space(fields, card))
    _tell(f"{own} is installed, in the embedding space {card.space} of {name}; serve it with VOICEPRINT_MODEL={own}")
    path = made.path(settings.models)
    if as_json:
        sizes = {"bytes_before": card.bytes, "bytes_after": len(graph)}
        table.show_json({"model": own, "of": name, "bits": int(bits), "path": str(path), **sizes, **asdict(weighed)})
    else:
        typer.echo(path)


def _unlike(bits: str, weighed: "Weighed") -> str | None:
    """Why vectors of both networks cannot be compared; None when they can."""
    if bits == "16":
        found, least, which = weighed.cosine_min, LEAST_COSINE_OF_HALVES, "least"
    else:
        found, least, which = weighed.cosine_mean, LEAST_COSINE, "mean"
    return f"{which} cosine {found:.5f}, wanted {least}" if found < least else None


def _fields(card: "SpeakerCard", name: str, graph: bytes, summary: str) -> "Fields":
    return {
        "name": name,
        "kind": "speaker",
        "summary": summary,
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


def _report(card: "SpeakerCard", bits: str, size: int, weighed: "Weighed") -> None:
    """Standard output, because it is what was asked for."""
    table.show(
        ("", card.name, f"{bits} bits"),
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
