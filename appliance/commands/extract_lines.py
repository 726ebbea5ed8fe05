"""`voiceprint extract` of a few recordings: a line of JSON for each, or a file for each of its voiceprints."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands import progress
from appliance.commands.inputs import Inputs, complain
from appliance.exit_codes import ExitCode
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from schemas.quality import Thresholds

if TYPE_CHECKING:
    from rich.progress import Progress

    from onnx_models.extractor import Extractor
    from schemas.signatures import Signatures
    from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters
    from schemas.voiceprint import Voiceprint


def extracted(
    files: Sequence[Path],
    parameters: "ExtractionParameters",
    settings: Settings,
    *,
    out: Path | None = None,
    vector: bool = False,
    as_json: bool = False,
) -> ExitCode:
    """Prints a line of JSON for each of `files`, with its vectors if `vector` is set; or the path of each container
    that is written to the folder `out`, in a line of JSON if `as_json`. Bad files are named and passed over. Raises
    ConfigurationError."""
    if out:
        _refuse_clashes(files)
    from schemas.signatures import Signatures  # noqa: PLC0415

    signatures = Signatures.of(settings.ring(), settings.unsigned_voiceprints)
    extractor = _open(settings)
    bar = progress.bar()

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
                _written(file, _write(out, file, voiceprints, signatures), as_json=as_json)
                if out
                else [_line(file, voiceprints, signatures, settings.quality, include_vector=vector)]
            )
            with _cleared(bar):
                sys.stdout.buffer.writelines(lines)
                sys.stdout.buffer.flush()
    return inputs.exit_code


@contextmanager
def _cleared(bar: "Progress") -> Iterator[None]:
    """The terminal without the bar, for what is printed meanwhile."""
    if bar.disable:
        yield
        return
    bar.stop()
    yield
    bar.start()


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
    from tasks.bulk import places  # noqa: PLC0415

    shown = [
        channel(found, signatures.encode(found), include_vector=include_vector, judgement=judged(found, thresholds))
        for found in voiceprints
    ]
    return json.encode({"file": places.told(str(file)), "channels": shown}) + b"\n"


def _write(folder: Path, file: Path, voiceprints: "Sequence[Voiceprint]", signatures: "Signatures") -> list[Path]:
    """Writes the containers and returns the path of each. Raises ConfigurationError for a bad folder."""
    from onnx_models.install.writing import write_atomically  # noqa: PLC0415

    paths = [folder / f"{file.stem}.{found.channel_number}.vp" for found in voiceprints]
    for path, found in zip(paths, voiceprints, strict=True):
        write_atomically(path, signatures.encode(found))
    return paths


def _written(file: Path, paths: list[Path], *, as_json: bool) -> list[bytes]:
    """What is printed of the containers of a recording."""
    if not as_json:
        return [bytes(path) + b"\n" for path in paths]
    from schemas import json  # noqa: PLC0415
    from tasks.bulk import places  # noqa: PLC0415

    told = [places.told(str(path)) for path in paths]
    return [json.encode({"file": places.told(str(file)), "voiceprints": told}) + b"\n"]
