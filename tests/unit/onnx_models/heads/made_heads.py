"""Heads that tests make."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_models import registry
from onnx_models.heads import HeadCard
from onnx_models.heads.weights import pack

LayerValues = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]


def constant(value: float, dimension: int = 256) -> list[LayerValues]:
    """Layers that make `value` of every embedding."""
    return [(np.zeros((1, dimension)), np.array([value]))]


def write_head(folder: Path, layers: Sequence[LayerValues], **changes: Any) -> Path:
    """The card of a head in `folder`, its weights beside it; `changes` to the card's fields."""
    folder.mkdir(parents=True, exist_ok=True)
    content = pack(layers)
    fields: dict[str, Any] = {
        "name": "made",
        "kind": "age",
        "space": registry.speaker_card("ge2e").space,
        "dimension": 256,
        "licence": "none",
        "training_data": "none: made by a test",
        "accuracy": "not measured",
        "weights": "made.npz",
        "sha256": hashlib.sha256(content).hexdigest(),
    } | changes
    card = HeadCard.model_validate(fields)
    (folder / card.weights).write_bytes(content)
    path = folder / f"{card.name}.toml"
    path.write_text(card.text())
    return path
