"""JSON lines: each a list of numbers, a voiceprint as text, or an object with one; a bad line spoils no other."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from schemas import arrow, bounded, json
from schemas.errors import VoiceprintMalformed
from schemas.formats import Asked, Gathered, Rows
from schemas.json_items import is_item, item

NAME, TITLE = "ndjson", "JSON lines"
SUFFIX = ".ndjson"

_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*([\[{\"][^\n]*)(?:\n|$)")
_BOM = b"\xef\xbb\xbf"


def recognises(head: bytes) -> bool:
    line = _FIRST.match(head)
    if line is None or (line.end() == len(head) == bounded.HEAD_BYTES and not head.endswith(b"\n")):
        return False
    try:
        value = json.decode(line[1])
    except ValueError:
        return False
    # An object of another name for its vector may be asked for.
    return is_item(value, Asked()) or (isinstance(value, dict) and head[line.end() :].lstrip()[:1] == b"{")


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    found = Gathered()
    for number, line in enumerate(bounded.lines(file)):
        if line is None:
            yield from found.fault(VoiceprintMalformed("the line is too long for a vector"))
            continue
        content = (line.removeprefix(_BOM) if number == 0 else line).strip()
        if not content:
            continue
        try:
            value = json.decode(content)
        except ValueError as error:
            yield from found.fault(VoiceprintMalformed(f"the line is not JSON: {error}"))
            continue
        yield from item(value, asked, found)
    yield from found.rest()


def write(file: BinaryIO, schema: Any, batches: Iterable[Any]) -> None:
    """An object for each row, its vector in the shortest decimals that read back to the same float32."""
    del schema
    for batch in batches:
        file.write(lines(batch))


def lines(batch: Any) -> bytes:
    """A line for each row of a batch, whatever columns it has."""
    columns = [arrow.matrix(column) if arrow.is_list(column.type) else column.to_pylist() for column in batch.columns]
    names = batch.schema.names
    return b"".join(json.encode(dict(zip(names, row, strict=True))) + b"\n" for row in zip(*columns, strict=True))
