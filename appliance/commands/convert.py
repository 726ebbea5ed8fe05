"""`voiceprint convert`: voiceprints to vectors, in process."""

import codecs
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.commands.inputs import Inputs

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help="Voiceprints: .vp files, or text with one in Base64 on each line.", readable=False
    ),
]

# Half a million voiceprints in Base64; a file is held whole, and its lines beside it.
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class _Entry:
    """One voiceprint of a file; `line` is None when the file is the container itself."""

    file: Path
    line: int | None
    content: bytes

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


def convert(files: Files) -> None:
    """Print the vectors in voiceprints, a line of JSON for each.

    They are those in the stored bytes, so they equal the extraction's value for value.
    """
    from schemas import json, plain_file  # noqa: PLC0415

    inputs = Inputs()
    for file, data in inputs.worked(files, lambda file: plain_file.read(file, _MOST_BYTES)):
        for entry, vector in inputs.worked(_entries(file, data), _vector):
            shown = {"file": str(file)} | ({"line": entry.line} if entry.line else {}) | vector
            sys.stdout.buffer.write(json.encode(shown) + b"\n")
    raise typer.Exit(inputs.exit_code)


def _entries(file: Path, data: bytes) -> Iterator[_Entry]:
    """What is text can only be Base64, a voiceprint a line; anything else, and nothing, is taken for a container."""
    from schemas.voiceprint import MAGIC  # noqa: PLC0415

    data = data.removeprefix(codecs.BOM_UTF8)
    if data.startswith(MAGIC) or not data.isascii() or not data.strip():
        yield _Entry(file, None, data)
        return
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield _Entry(file, number, line.strip())


def _vector(entry: _Entry) -> dict[str, Any]:
    """As in the result of an extraction. Raises VoiceprintError."""
    from schemas import voiceprint  # noqa: PLC0415
    from schemas.errors import VoiceprintTruncated, VoiceprintWrongMagic  # noqa: PLC0415

    if entry.content.startswith(b"{"):
        raise VoiceprintWrongMagic("this is JSON; give the text of its field 'voiceprint', or .vp files")
    if not entry.content.strip():
        raise VoiceprintTruncated("the file is empty")
    container = voiceprint.from_base64(entry.content.decode("ascii")) if entry.line else entry.content
    found = voiceprint.decode(container)
    return {
        "channel_number": found.channel_number,
        "speech_length": found.speech_length,
        "model": found.model,
        "vector_voiceprint": found.spoken_vector,
    }
