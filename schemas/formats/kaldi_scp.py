"""Kaldi's script files: `key file:offset` on each line, which names an entry of an archive. What Kaldi would run as a
command, `key command |`, is refused, and so is a range of a matrix."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

from schemas import bounded
from schemas.errors import VoiceprintError, VoiceprintMalformed, VoiceprintTruncated
from schemas.formats import Asked, Floats, Gathered, Rows, kaldi_ark, text

NAME, TITLE = "kaldi-scp", "a Kaldi script file"

_BEGINS = re.compile(rb"[^\s\0\[{\",;]{1,4096}[ \t]+(?:[^\s\0,;]+:[0-9]+[ \t]*(?:\r?\n|$)|[^\n\0]*\|[ \t]*(?:\r?\n|$))")
_LINE = re.compile(rb"(\S+)[ \t]+(.+?):([0-9]{1,18})")


def recognises(head: bytes) -> bool:
    return _BEGINS.match(head) is not None


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    found = Gathered()
    opened: tuple[str, BinaryIO] | None = None
    try:
        for line in bounded.lines(file):
            if line is not None and not line.strip():
                continue
            key = None
            try:
                key, path, offset = _named(line)
                # Nearly always the archive of the line before.
                if opened is None or opened[0] != path:
                    if opened is not None:
                        opened[1].close()
                    opened = None
                    opened = path, asked.follow(path)
                vector = _entry(opened[1], offset)
            except VoiceprintError as error:
                yield from found.fault(error, key)
            except OSError as error:
                yield from found.fault(VoiceprintTruncated(f"its archive cannot be read: {error.strerror}"), key)
            else:
                yield from found.vector(vector, key)
    finally:
        if opened is not None:
            opened[1].close()
    yield from found.rest()


def _named(line: bytes | None) -> tuple[str, str, int]:
    stripped = b"" if line is None else line.strip()
    if stripped.endswith(b"|"):
        raise VoiceprintMalformed("it names a command, and none is run here: write its archive to a file first")
    match = _LINE.fullmatch(stripped)
    if match is None:
        raise VoiceprintMalformed("it is not a key, a file and an offset")
    return text(match[1]), text(match[2]), int(match[3])


def _entry(archive: BinaryIO, offset: int) -> Floats:
    archive.seek(offset)
    blocks = kaldi_ark.value(archive)
    with closing(blocks):  # type: ignore[type-var]
        block = next(blocks, None)
    if block is None or len(block) != 1:
        raise VoiceprintMalformed("it names a matrix of several rows or none, where one vector belongs")
    vector: Floats = block[0]
    return vector
