"""Results as trees, and one file for each form in which they leave the appliance.

A tree is what the contract shows as JSON: dictionaries, lists, texts and numbers. What may be long in it is read from
its file block by block, and is `Items` or `Numbers`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

JSON, MSGPACK, ARROW = "application/json", "application/vnd.msgpack", "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"

Tree = Mapping[str, Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of `count` items. A block is a list of them, or, where they are float32 vectors of one length, an array of
    shape (items, dimension)."""

    count: int
    blocks: Iterator[list[Any] | Floats]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A list of `count` float32 numbers; a block is an array of shape (numbers,)."""

    count: int
    blocks: Iterator[Floats]
