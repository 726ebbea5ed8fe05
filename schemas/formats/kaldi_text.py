"""Kaldi's archives as text: `key  [ 0.1 0.2 ]` is a vector; a matrix has one row on each line between the brackets."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from schemas import bounded
from schemas.decimals import decimals
from schemas.errors import VoiceprintError, VoiceprintMalformed, VoiceprintTruncated
from schemas.formats import Asked, Gathered, Rows, text

NAME, TITLE = "kaldi-text", "a Kaldi archive in text"

_BEGINS = re.compile(rb"[^\s\0\[{\"]{1,4096}[ \t]+\[[ \t\r\n]*[-+0-9.\]infa]")


def recognises(head: bytes) -> bool:
    return _BEGINS.match(head) is not None


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    del asked
    found, key = Gathered(), None
    for line in bounded.lines(file):
        if line is None:
            raise VoiceprintMalformed("a line of the archive is too long for a vector")
        numbers = line.strip()
        if not numbers:
            continue
        if key is None:
            begun, bracket, numbers = numbers.partition(b"[")
            if not bracket or not begun.strip() or len(begun) > bounded.MOST_KEY or len(begun.split()) != 1:
                raise VoiceprintMalformed(f"row {found.row}: the archive is damaged where an entry begins")
            key = text(begun.strip())
            if not numbers.strip():
                continue
        ends = numbers.endswith(b"]")
        if values := numbers.removesuffix(b"]").strip():
            try:
                vector = decimals(values.split())
            except VoiceprintError as error:
                yield from found.fault(error, key)
            else:
                yield from found.vector(vector, key)
        if ends:
            key = None
    yield from found.rest()
    if key is not None:
        raise VoiceprintTruncated(f"the archive ends within the entry {key}")
