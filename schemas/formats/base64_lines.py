"""Text with one voiceprint in Base64 on each line, this appliance's or Phonexia's; empty lines are no rows."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from schemas import arrow, bounded
from schemas.errors import VoiceprintMalformed
from schemas.formats import Asked, Gathered, Rows
from schemas.voiceprint import Voiceprint, encode, to_base64

NAME, TITLE = "base64", "lines of Base64"
SUFFIX = ".txt"
# Rows are told in a file beside it.
TELLS_ROWS = False

_UNKNOWN: dict[str, Any] = {"model_sha256": bytes(32), "speech_length": 0.0, "recording_length": 0.0, "sample_rate": 1}
_NOTHING: dict[str, Any] = {"channel_number": 0, "media_sha256": bytes(32), "created_ms": 0}

_LINE = re.compile(rb"(?:^|\n)[ \t]*[A-Za-z0-9+/]{40,}={0,2}[ \t]*(?:\r?\n|$)")
_LONG = re.compile(rb"[A-Za-z0-9+/]+$")


def recognises(head: bytes) -> bool:
    head = head.removeprefix(b"\xef\xbb\xbf")
    # One line may be longer than what is looked at.
    return head.isascii() and (_LINE.search(head) is not None or (len(head) > 40 and _LONG.match(head) is not None))


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    del asked
    found = Gathered()
    for number, line in enumerate(bounded.lines(file)):
        if line is None:
            yield from found.fault(VoiceprintMalformed("the line is too long for a voiceprint"))
            continue
        cell = (line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line).strip()
        if cell:
            yield from found.cell(cell)
    yield from found.rest()


def write(file: BinaryIO, schema: Any, batches: Iterable[Any]) -> None:
    """Containers of this appliance: those of the column `voiceprint`, or unsigned ones, which hold model, space and
    vector, and zeros for what a vector does not tell of its recording, whose sample rate is 1."""
    del schema
    for batch in batches:
        if "voiceprint" in batch.schema.names:
            file.writelines(text.encode() + b"\n" for text in batch.column("voiceprint").to_pylist())
            continue
        names = zip(*(batch.column(name).to_pylist() for name in ("model", "space")), strict=True)
        for (model, space), vector in zip(names, arrow.matrix(batch.column("vector")), strict=True):
            made = Voiceprint(model=model, space=space, vector=vector, **_UNKNOWN, **_NOTHING)
            file.write(to_base64(encode(made)).encode() + b"\n")
