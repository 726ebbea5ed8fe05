"""`voiceprint convert`: voiceprints to vectors, in process."""

import codecs
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appliance.commands.inputs import Inputs
from appliance.settings import load

if TYPE_CHECKING:
    from schemas.signatures import Signatures

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

    They are those in the stored bytes, so they equal the extraction's value for value. With a key ring, voiceprints
    that are not signed are refused as the service refuses them.
    """
    from schemas import json, plain_file  # noqa: PLC0415
    from schemas.signatures import Signatures  # noqa: PLC0415

    settings = load()
    signatures = Signatures.of(settings.ring(), settings.unsigned_voiceprints)
    inputs = Inputs()
    for file, data in inputs.worked(files, lambda file: plain_file.read(file, _MOST_BYTES)):
        for entry, vector in inputs.worked(_entries(file, data), partial(_vector, signatures)):
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


def _vector(signatures: "Signatures", entry: _Entry) -> dict[str, Any]:
    """As in the result of an extraction. Raises VoiceprintError."""
    from schemas import voiceprint  # noqa: PLC0415
    from schemas.errors import VoiceprintTruncated, VoiceprintWrongMagic  # noqa: PLC0415

    if entry.content.startswith(b"{"):
        raise VoiceprintWrongMagic("this is JSON; give the text of its field 'voiceprint', or .vp files")
    if not entry.content.strip():
        raise VoiceprintTruncated("the file is empty")
    container = voiceprint.from_base64(entry.content.decode("ascii")) if entry.line else entry.content
    found = signatures.decode(container)
    return {
        "channel_number": found.channel_number,
        "speech_length": found.speech_length,
        "model": found.model,
        "vector_voiceprint": found.spoken_vector,
    }
