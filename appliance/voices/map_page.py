"""A folder of voices as a map, in one page that needs nothing else: it holds names, places and neighbours, and no
voiceprint."""

import html
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np
import numpy.typing as npt

from appliance.voices.reading import Voice
from appliance.voices.scores import vectors
from appliance.voices.verdict import per_cent
from onnx_models.scoring import unit
from schemas import json

LEAST = 3
_NEIGHBOURS = 5
_ROWS = 1024
_HERE = Path(__file__).parent
_CONSOLE = _HERE.parent / "console"
_STYLES = ("colours.css", "page.css", "views.css")
_SCRIPTS = (_CONSOLE / "dom.js", _CONSOLE / "scatter.js", _HERE / "map.js")
# Modules become one: what they take from each other stands in the same script.
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
# Okabe and Ito's palette, told apart by everybody; of more groups than this the colours would repeat.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7a00")


def page(voices: Sequence[Voice], title: str, model: str) -> bytes:
    """The page of at least `LEAST` voices. Those in folders of their own are coloured by their folder."""
    directions = unit(vectors(voices))
    points, share = plane(directions)
    groups = [voice.name.rpartition("/")[0].partition("/")[0] for voice in voices]
    named = sorted({group for group in groups if group})
    document = {
        "names": [voice.name for voice in voices],
        "points": points.round(5).tolist(),
        "near": neighbours(directions),
        "groups": groups,
        "colours": list(zip(named, _COLOURS, strict=False)) if 1 < len(named) <= len(_COLOURS) else [],
    }
    lead = (
        f"{len(voices)} voices, by {model}: those that sound alike lie near each other. This plane shows "
        f"{per_cent(share)} of how they differ (principal components); the neighbours are found with all of it."
    )
    return (
        Template((_HERE / "map.html").read_text(encoding="utf-8"))
        .substitute(
            title=html.escape(title),
            lead=html.escape(lead),
            styles="\n".join((_CONSOLE / name).read_text(encoding="utf-8") for name in _STYLES),
            # Nothing that a file is called ends the script.
            voices=json.encode(document).decode().replace("<", "\\u003c"),
            script="\n".join(_inlined(path) for path in _SCRIPTS),
        )
        .encode()
    )


def plane(directions: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
    """The first two principal components' coordinates, shape (n, 2), of `directions` (n, dimension), and which share of
    the variance they show."""
    left, values, _ = np.linalg.svd(directions - directions.mean(axis=0), full_matrices=False)
    points = left[:, :2] * values[:2]
    # Which way an axis points is chance: the farthest is made positive, so that the same folder gives the same map.
    points *= np.where(points[np.abs(points).argmax(axis=0), [0, 1]] < 0, -1, 1)
    variance = float((values**2).sum())
    return points, float((values[:2] ** 2).sum()) / variance if variance else 1.0


def neighbours(directions: npt.NDArray[np.float64]) -> list[list[tuple[int, float]]]:
    """The nearest others of each of `directions` (n, dimension), by number, with their cosines, nearest first."""
    found: list[list[tuple[int, float]]] = []
    for start in range(0, len(directions), _ROWS):
        cosines = directions[start : start + _ROWS] @ directions.T
        for row, near in enumerate(cosines):
            near[start + row] = -np.inf
            nearest = np.argsort(-near, kind="stable")[: min(_NEIGHBOURS, len(near) - 1)]
            found.append([(int(other), round(float(near[other]), 4)) for other in nearest])
    return found


def _inlined(path: Path) -> str:
    return _EXPORT.sub("", _IMPORT.sub("", path.read_text(encoding="utf-8")))
