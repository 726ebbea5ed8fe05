"""Streams of samples in blocks of another length."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


def reblocked(blocks: Iterable[Samples], length: int) -> Iterator[Samples]:
    """The same samples in blocks of exactly `length`, the last one shorter: what follows then computes the same
    numbers however the recording happened to be read.
    """
    held: list[Samples] = []
    missing = length
    for block in blocks:
        rest = block
        while len(rest) >= missing:
            yield np.concatenate([*held, rest[:missing]])
            rest, held, missing = rest[missing:], [], length
        if len(rest):
            held.append(rest)
            missing -= len(rest)
    if held:
        yield np.concatenate(held)
