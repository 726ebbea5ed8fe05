"""A file that is one voiceprint of Phonexia's Speech Platform, in UBJSON.

What is known of it: an object whose keys stand in alphabetical order, among them `crc` as int32 and `embedding`, a
plain array in which every value has its own marker `d`, float32 big-endian. The other keys and the rule of the check
are not public, so that a damaged value cannot be told. An embedding is not the vector that the platform makes of it:
it is kept under the name of its own model, and never comparable with any other's.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from schemas import bounded
from schemas.formats import Asked, Cells, Rows
from schemas.voiceprint import MAXIMUM_BYTES

NAME, TITLE = "phonexia", "a voiceprint of Phonexia (UBJSON)"

# The length of a key as int8, and the key: no JSON has that after its bracket.
_BEGINS = re.compile(rb"\{i[\x01-\x1f][a-z]")


def recognises(head: bytes) -> bool:
    return _BEGINS.match(head) is not None


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    del asked
    yield Cells(0, [bounded.whole(file, MAXIMUM_BYTES * 2)])
