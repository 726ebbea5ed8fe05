"""`voiceprint extract`: recordings to voiceprints, in process, without a server."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from appliance.commands.inputs import Inputs, complain
from appliance.settings import PREFIX, Settings, load
from schemas.errors import ConfigurationError
from schemas.quality import Thresholds

if TYPE_CHECKING:
    from rich.progress import Progress

    from onnx_models.extractor import Extractor
    from schemas.signatures import Signatures
    from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters
    from schemas.voiceprint import Voiceprint


def extract(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings.", readable=False)],
    *,
    model: Annotated[str | None, typer.Option(help=f"Speaker model, over {PREFIX}MODEL.", show_default=False)] = None,
    channel_mode: Annotated[
        Literal["split", "mix"], typer.Option(help="Every channel by itself, or one voiceprint of their mean.")
    ] = "split",
    channels: Annotated[
        str | None, typer.Option(help="Channel numbers from 0, such as 0,1; all when not given.", show_default=False)
    ] = None,
    range_from: Annotated[
        float | None, typer.Option(help="Seconds before which nothing is listened to.", show_default=False)
    ] = None,
    range_to: Annotated[
        float | None, typer.Option(help="Seconds after which nothing is listened to.", show_default=False)
    ] = None,
    max_speech_length: Annotated[
        float | None,
        typer.Option(help="Seconds of net speech after which the rest is not looked at.", show_default=False),
    ] = None,
    vector: Annotated[bool, typer.Option(help="Print the vectors as well.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a file DIR/<name>.<channel>.vp for every channel, and print its path instead of JSON.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Extract voiceprints: a line of JSON for each recording, or a .vp file for each of its channels.

    With a key ring they are signed.
    """
    parameters = _parameters(
        channel_mode=channel_mode,
        channels=channels,
        range_from=range_from,
        range_to=range_to,
        max_speech_length=max_speech_length,
    )
    if out:
        _refuse_clashes(files)
    from schemas.signatures import Signatures  # noqa: PLC0415

    settings = load(model=model)
    signatures = Signatures.of(settings.ring(), settings.unsigned_voiceprints)
    extractor = _open(settings)

    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    # Standard output stays untouched: it may be a pipe that wants nothing but lines.
    bar = Progress(console=Console(stderr=True), transient=True, redirect_stdout=False, disable=not sys.stderr.isatty())

    def refused(line: str) -> None:
        with _cleared(bar):
            complain(line)

    inputs = Inputs(refused)

    def work(file: Path) -> "list[Voiceprint]":
        return extractor.extract(
            file,
            channel_mode=parameters.channel_mode,
            channels=parameters.channels,
            range_from=parameters.range_from,
            range_to=parameters.range_to,
            max_speech_length=parameters.max_speech_length,
        )

    with bar:
        for file, voiceprints in inputs.worked(bar.track(files, description="extracting"), work):
            lines = (
                _write(out, file, voiceprints, signatures)
                if out
                else [_line(file, voiceprints, signatures, settings.quality, include_vector=vector)]
            )
            with _cleared(bar):
                sys.stdout.buffer.writelines(lines)
                sys.stdout.buffer.flush()
    raise typer.Exit(inputs.exit_code)


@contextmanager
def _cleared(bar: "Progress") -> Iterator[None]:
    """The terminal without the bar, for what is printed meanwhile."""
    if bar.disable:
        yield
        return
    bar.stop()
    yield
    bar.start()


def _parameters(**given: object) -> "ExtractionParameters":
    """The service's own checks. Raises ConfigurationError that names the option."""
    import pydantic  # noqa: PLC0415

    from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters  # noqa: PLC0415

    try:
        return ExtractionParameters.model_validate({name: value for name, value in given.items() if value is not None})
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        option = f"--{fault['loc'][0]}".replace("_", "-")
        raise ConfigurationError(f"{option}: {fault['msg'].removeprefix('Value error, ')}") from error


def _refuse_clashes(files: Sequence[Path]) -> None:
    clashing = [stem for stem, count in Counter(file.stem for file in files).items() if count > 1]
    if clashing:
        raise ConfigurationError(
            f"--out: several recordings are named {clashing[0]}, so one would overwrite the other: extract them apart"
        )


def _open(settings: Settings) -> "Extractor":
    from onnx_models.extractor import Extractor  # noqa: PLC0415
    from onnx_models.media import MediaLimits  # noqa: PLC0415

    return Extractor.open(
        settings.model,
        models_dir=settings.models,
        device=settings.device,
        limits=MediaLimits(max_audio_length=settings.max_audio_length),
        threads=settings.threads,
    )


def _line(
    file: Path,
    voiceprints: "Sequence[Voiceprint]",
    signatures: "Signatures",
    thresholds: Thresholds,
    *,
    include_vector: bool,
) -> bytes:
    """The recording's result as the service shows it, after the name of its file."""
    from schemas import json  # noqa: PLC0415
    from schemas.technologies.speaker_identification_voiceprint_extraction import channel, judged  # noqa: PLC0415

    shown = [
        channel(found, signatures.encode(found), include_vector=include_vector, judgement=judged(found, thresholds))
        for found in voiceprints
    ]
    return json.encode({"file": str(file), "channels": shown}) + b"\n"


def _write(folder: Path, file: Path, voiceprints: "Sequence[Voiceprint]", signatures: "Signatures") -> list[bytes]:
    """Writes the containers and returns a line with the path of each. Raises ConfigurationError for a bad folder."""
    from onnx_models.install.writing import write_atomically  # noqa: PLC0415

    paths = [folder / f"{file.stem}.{found.channel_number}.vp" for found in voiceprints]
    for path, found in zip(paths, voiceprints, strict=True):
        write_atomically(path, signatures.encode(found))
    return [bytes(path) + b"\n" for path in paths]
