"""What is known and not read: files that run code when they are opened, and layouts that are not public."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from schemas.errors import VoiceprintWrongMagic
from schemas.formats import Asked, Rows

NAME, TITLE = "refused", "formats that are refused"

_SAVE = "where you trust it, load it where it was made (torch.load with weights_only=True), then numpy.save its vectors"
_KNOWN = (
    (
        rb"VPT (?!\0B[FDC])",
        "it is an XL5 voiceprint of Speech Engine 3, whose layout is not public: extract it anew from its recording",
    ),
    (
        rb"PK\x03\x04.{26}[^\0]{0,200}?(?:/data\.pkl|\.pkl|/version|/byteorder)",
        "it is a file of PyTorch, a pickle, which may run code when it is opened: " + _SAVE,
    ),
    (
        rb"\x80[\x02-\x05](?:\x95|[}\](ccX\x8aK)\x8c])",
        "it is a pickle, which may run code when it is opened: " + _SAVE,
    ),
    (
        rb"\x89HDF\r\n\x1a\n",
        "it is an HDF5 file, which is not read here: save its vectors with numpy.save",
    ),
    (rb"FEA1", "it is Feather of version 1: write it anew with pyarrow.feather.write_feather, which makes version 2"),
)


def recognises(head: bytes) -> bool:
    return any(re.match(pattern, head, re.DOTALL) for pattern, _ in _KNOWN)


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    del asked
    head = file.read(512)
    for pattern, words in _KNOWN:
        if re.match(pattern, head, re.DOTALL):
            raise VoiceprintWrongMagic(words)
    yield from ()
