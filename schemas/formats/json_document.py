"""JSON documents: a list of voiceprints, an object with such a list, or an object of voiceprints by their keys.

What is one voiceprint is told by `schemas/json_items.py`. The document is read value by value and may have any length.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from schemas import json
from schemas.bounded import MOST_VALUES
from schemas.errors import VoiceprintMalformed
from schemas.formats import KEY_NAMES, VECTOR_NAMES, Asked, Gathered, Rows, ndjson
from schemas.json_items import item
from schemas.json_scanner import Scanner

NAME, TITLE = "json", "JSON"

LIST_NAMES = tuple(f"{name}s" for name in VECTOR_NAMES)
_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[|\{\s*[\"}]|\")")


def recognises(head: bytes) -> bool:
    # A key of a binary archive may begin as JSON does.
    return b"\0" not in head and _BEGINS.match(head) is not None and not ndjson.recognises(head)


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)
    scanner, found = Scanner(file), Gathered()
    while opening := scanner.peek():
        if opening == b"[":
            yield from _list(scanner, asked, found)
        elif opening == b"{":
            yield from _object(scanner, asked, found)
        else:
            yield from _item(scanner, asked, found)
    yield from found.rest()


def _list(scanner: Scanner, asked: Asked, found: Gathered) -> Iterator[Rows]:
    """One vector, or a list of voiceprints."""
    scanner.take(b"[")
    inside = scanner.peek()
    if inside == b"]":
        scanner.take(b"]")
    elif inside in (b"[", b"{", b'"'):
        while True:
            yield from _item(scanner, asked, found)
            if scanner.take(b",]") == b"]":
                return
    else:
        yield from _numbers(scanner, asked, found)


def _numbers(scanner: Scanner, asked: Asked, found: Gathered) -> Iterator[Rows]:
    """The rest of a list that begins with a number."""
    values = []
    while True:
        values.append(_decoded(scanner.value()))
        if scanner.take(b",]") == b"]":
            break
        if len(values) > MOST_VALUES:
            raise VoiceprintMalformed("a list of more numbers than a vector has")
    yield from item(values, asked, found)


def _object(scanner: Scanner, asked: Asked, found: Gathered) -> Iterator[Rows]:
    scanner.take(b"{")
    if scanner.peek() == b"}":
        scanner.take(b"}")
        return
    single: dict[str, object] = {}
    names = {asked.column, asked.key, *VECTOR_NAMES, *KEY_NAMES}
    while True:
        if scanner.peek() != b'"':
            raise VoiceprintMalformed("this is not JSON: the name of a field is missing")
        name = str(_decoded(scanner.value()))
        scanner.take(b":")
        if name in LIST_NAMES and scanner.peek() == b"[":
            yield from _list(scanner, asked, found)
        elif name in names:
            single[name] = _decoded(scanner.value())
        else:
            yield from _item(scanner, asked, found, name)
        if scanner.take(b",}") == b"}":
            break
    if single:
        yield from item(single, asked, found)


def _item(scanner: Scanner, asked: Asked, found: Gathered, key: str | None = None) -> Iterator[Rows]:
    text = scanner.value()
    try:
        value = json.decode(text)
    except ValueError as error:
        yield from found.fault(VoiceprintMalformed(f"this is not JSON: {error}"), key)
    else:
        yield from item(value, asked, found, key)


def _decoded(text: bytes) -> object:
    try:
        found: object = json.decode(text)
    except ValueError as error:
        raise VoiceprintMalformed(f"this is not JSON: {error}") from error
    return found
