"""`voiceprint models add`: a user's own ONNX graph becomes a model like any other."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands.audited import note, require
from appliance.commands.own import own_models
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.brought.deciding import Answer, Decisions

# What may have to be asked, in this order: the option, its type and the question.
_QUESTIONS: Mapping[str, tuple[str, type, str]] = {
    "name": ("--name", str, "Name of the model"),
    "family": ("--family", str, "Front end"),
    "output": ("--output", str, "Output that is the embedding"),
    "sample_rate": ("--sample-rate", int, "Sample rate, hertz"),
    "window_seconds": ("--window", float, "Window, seconds"),
    "hop_seconds": ("--hop", float, "From one window to the next, seconds"),
    "licence": ("--licence", str, "Licence of the weights"),
    "training_data": ("--training-data", str, "Speech that it was trained on"),
    "published_eer": ("--published-eer", str, "Published EER, and on which test"),
}


def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX graph in one file.", show_default=False)],
    *,
    name: Annotated[str | None, typer.Option(help="Name of the model; that of the file.", show_default=False)] = None,
    family: Annotated[str | None, typer.Option(help="Front end, such as waveform16k.", show_default=False)] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the front end; may be repeated.", show_default=False),
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="Name or number of the output that is the embedding.", show_default=False)
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(min=8000, max=48000, help="Of what the network hears, hertz.", show_default=False)
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=2, help="Length of the vectors, to be checked.", show_default=False)
    ] = None,
    window: Annotated[
        float | None, typer.Option(min=0.1, max=60, help="Speech the network sees at once, s.", show_default=False)
    ] = None,
    hop: Annotated[
        float | None, typer.Option(min=0.05, max=60, help="From one window to the next, seconds.", show_default=False)
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights.", show_default=False)] = None,
    training_data: Annotated[
        str | None, typer.Option(help="Speech that it was trained on.", show_default=False)
    ] = None,
    published_eer: Annotated[
        str | None, typer.Option(help="What others measured, in words.", show_default=False)
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="Embedding space; only to be given when another model has the same weights.", show_default=False
        ),
    ] = None,
) -> None:
    """Make a model of an ONNX file: from its metadata and shapes, from answers, and by running it.

    The file is inspected and first run in a process of its own, which may open, write and start nothing.
    """
    settings = own_models()

    from onnx_models.brought import adding, card_file, deciding, inspection, proving  # noqa: PLC0415

    given: dict[str, Answer | None] = {
        "name": name,
        "family": family,
        "sample_rate": sample_rate,
        "dimension": dimension,
        "window_seconds": window,
        "hop_seconds": hop,
        "licence": licence,
        "training_data": training_data,
        "published_eer": published_eer,
        "space": space,
    }
    options = _options(option or [])
    require(settings)
    content = inspection.read_once(file)
    card_file.require_places(name or file.stem, settings.models)
    _tell(f"{file.name}: looking into {len(content):,} bytes")
    graph = proving.inspect(content)
    if output is not None:
        given["output"] = deciding.output_named(graph, output)
    while True:
        decisions = deciding.decide(graph, file.name, given, settings.models)
        gaps = [field for field in _QUESTIONS if decisions[field].value is None]
        if not gaps:
            break
        if not sys.stdin.isatty():
            _refuse_gaps(gaps, decisions)
        answer = _ask(gaps[0], decisions)
        given[gaps[0]] = deciding.output_named(graph, str(answer)) if gaps[0] == "output" else answer
    for field, decision in decisions.items():
        _tell(f"  {field.replace('_', ' ')}: {decision.value} ({decision.why})")
    _tell("running it for the first time")
    options = deciding.family_options(str(decisions["family"].value)) | options
    card = adding.add(content, file.name, decisions, options, settings.models)
    if card.windows_at_once:
        _tell("it takes one window at a time: alone, a window gets another vector than among others, or others fail")
    _tell(f"{card.name} makes vectors of {card.dimension} values; a made-up recording went through it")
    if card.mean is None:
        _tell(
            "it has no mean and no calibration yet, so its scores mean little: "
            f"`voiceprint calibrate DIR --model {card.name}` makes both of recordings of many speakers"
        )
    note(settings, "models.added", model=card.name)
    typer.echo(card.path(settings.models))


def _options(said: list[str]) -> "dict[str, Answer]":
    """The front end's options. Raises ConfigurationError for one that is not KEY=VALUE."""
    found: dict[str, Answer] = {}
    for entry in said:
        key, separator, value = entry.partition("=")
        if not key or not separator:
            raise ConfigurationError(f"--option: {entry!r} is not KEY=VALUE")
        found[key] = _value(value)
    return found


def _value(text: str) -> "Answer":
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _refuse_gaps(gaps: list[str], decisions: "Decisions") -> None:
    missing = "; ".join(f"{_QUESTIONS[field][0]} ({decisions[field].why})" for field in gaps)
    raise ConfigurationError(f"not everything is known of this network, and nobody is there to ask; give {missing}")


def _ask(field: str, decisions: "Decisions") -> "Answer":
    from onnx_models.families import families  # noqa: PLC0415

    _, kind, question = _QUESTIONS[field]
    choices = f" ({', '.join(families())})" if field == "family" else ""
    _tell(decisions[field].why)
    # The prompt's last space would go to standard output, where the path of the network goes.
    with redirect_stdout(sys.stderr):
        answer: Answer = typer.prompt(question + choices, default=decisions[field].likely, type=kind, err=True)
    return answer


def _tell(line: str) -> None:
    typer.echo(line, err=True)
