"""What 8 bits cost in accuracy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import outcome
from benchmarks.accuracy import measure
from benchmarks.conditions import CONDITIONS
from benchmarks.recordings import recordings_by_speaker

# What may be lost, in points of per cent.
_WANTED = 0.2


def compared(folder: Path, models: Sequence[str], models_dir: Path) -> list[dict[str, Any]]:
    """EER of both `models` on the speakers of `folder`, one folder each, whole and cut; printed and as figures."""
    speakers, (before, after) = recordings_by_speaker(folder), models
    found: list[dict[str, Any]] = []
    for condition in CONDITIONS:
        if condition.encoding is None:
            rates = {
                model: 100 * measure(condition, speakers, model, models_dir, "cpu").equal_error_rate for model in models
            }
            found.append({"condition": condition.name, "eer_per_cent": rates, "lost": rates[after] - rates[before]})
    outcome.shown(
        "equal error rate, per cent",
        ("both sides", before, after, "lost", "at most"),
        [
            (
                one["condition"],
                f"{one['eer_per_cent'][before]:.2f}",
                f"{one['eer_per_cent'][after]:.2f}",
                f"{one['lost']:+.2f}",
                f"{_WANTED:g}",
            )
            for one in found
        ],
    )
    return found
