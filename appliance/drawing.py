"""Pictures, drawn by matplotlib without a window system."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def empty(width: float, height: float) -> "Figure":
    """A picture of so many inches."""
    # Only here: it is slow to import, and a figure of its own needs no window system and no global state.
    with _taciturn():
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: "Figure") -> bytes:
    """Its file, of 120 points to the inch, as large as what is drawn with a margin."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, bbox_inches="tight", pad_inches=0.2)
    return buffer.getvalue()


@contextmanager
def _taciturn() -> Iterator[None]:
    """While matplotlib is imported: without a home folder to write to it takes a temporary one, which it removes at the
    end, and complains."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
