"""All voices with all as a picture: a square for each pair, in the colour of its verdict."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from appliance import drawing
from appliance.voices.scores import Scores
from appliance.voices.verdict import VERDICTS, signed, verdict

# Of more voices figures in the squares could not be read, and of still more the names beside them.
_FIGURED, _NAMED = 24, 120
_LONGEST_NAME = 32
_FAINT = "#536074"


def png(names: Sequence[str], scores: Scores, title: str) -> bytes:
    """The picture's file, of the ratios `scores` (n, n) between the voices of these `names`."""
    from matplotlib.colors import BoundaryNorm, ListedColormap  # noqa: PLC0415

    count = len(names)
    side = min(24.0, max(4.5, 2.5 + 0.42 * count))
    figure = drawing.empty(side + 2.2, side)
    axes = figure.add_subplot()
    rising = VERDICTS[::-1]
    bounds = [-1e9, *(found.least for found in rising[1:]), 1e9]
    shown = np.ma.masked_array(scores, np.eye(count, dtype=bool))
    drawn = axes.imshow(
        shown, cmap=ListedColormap([found.ground for found in rising]), norm=BoundaryNorm(bounds, len(rising))
    )
    short = [name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}" for name in names]
    if count <= _NAMED:
        axes.set_xticks(
            range(count), short, rotation=45 if count <= _FIGURED else 90, ha="left", rotation_mode="anchor"
        )
        axes.set_yticks(range(count), short)
        axes.tick_params(labelsize=9 if count <= 40 else 5, length=0, top=True, labeltop=True, labelbottom=False)
    if count <= _FIGURED:
        for row, column in np.ndindex(count, count):
            if row != column:
                ratio = float(scores[row, column])
                axes.text(column, row, signed(ratio), ha="center", va="center", size=8, color=verdict(ratio).ink)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, spacing="uniform", shrink=0.8, drawedges=False)
    bar.set_ticks([(low + high) / 2 for low, high in pairwise(bounds)])
    bar.set_ticklabels([_words(place) for place in range(len(rising))])
    bar.ax.tick_params(which="both", length=0, labelsize=9)
    bar.outline.set_visible(False)
    figure.suptitle(title, size=11)
    figure.supxlabel("log-likelihood ratio: 0 says nothing, every 2.3 more is ten times likelier", size=8, color=_FAINT)
    return drawing.png(figure)


def _words(place: int) -> str:
    """Of a colour, with the ratio from which on it is."""
    found = VERDICTS[::-1][place]
    return found.words if place == 0 else f"{found.words}\nfrom {signed(found.least)}"
