"""Which voiceprints meet in one comparison, so that a sparse list of trials does not cost a full matrix."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from onnx_models.fitting.trials import Indices, Trials

# Scores of one call; the contract allows a million, of which the text is some 20 MB.
MOST_PAIRS = 250_000
# Voiceprints on one side of a call: some tens of megabytes of text; the contract allows 50,000.
MOST_ON_A_SIDE = 5_000
# Scores that nobody asked for and that cost no more than one call more would.
_FREE = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One comparison: recordings `a` (columns) and `b` (rows) by their places; `trials` are answered at
    `[rows, columns]`, all three int64 (n,)."""

    a: Indices
    b: Indices
    trials: Indices
    rows: Indices
    columns: Indices


def blocks(trials: Trials) -> Iterator[Block]:
    """Blocks that answer every one of `trials` once, within the contract's limits.

    Trials are gathered by their side a, in its order of first appearance, for as long as at most half of a block's
    scores would be of no trial, or few.
    """
    members: list[int] = []
    partners: set[int] = set()
    columns = 0
    for chunk in _by_side_a(trials):
        others = set(trials.side_b[chunk].tolist())
        widened = partners | others
        pairs, needed = (columns + 1) * len(widened), len(members) + len(chunk)
        fits = pairs <= MOST_PAIRS and columns < MOST_ON_A_SIDE and len(widened) <= MOST_ON_A_SIDE
        if members and not (fits and pairs - needed <= max(_FREE, needed)):
            yield _block(trials, np.array(members))
            members, widened, columns = [], others, 0
        members.extend(chunk)
        partners, columns = widened, columns + 1
    if members:
        yield _block(trials, np.array(members))


def _by_side_a(trials: Trials) -> Iterator[list[int]]:
    """The trials of every recording on side a, in pieces that fit a block."""
    found: dict[int, list[int]] = {}
    for number, a in enumerate(trials.side_a.tolist()):
        found.setdefault(a, []).append(number)
    for numbers in found.values():
        for start in range(0, len(numbers), MOST_ON_A_SIDE):
            yield numbers[start : start + MOST_ON_A_SIDE]


def _block(trials: Trials, members: Indices) -> Block:
    a, columns = np.unique(trials.side_a[members], return_inverse=True)
    b, rows = np.unique(trials.side_b[members], return_inverse=True)
    return Block(a, b, members, rows.reshape(-1), columns.reshape(-1))
