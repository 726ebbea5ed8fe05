"""Voiceprints of the default model that tests make."""

from typing import Any

import numpy as np

from onnx_models import registry
from onnx_models.scoring import Vectors, unit
from schemas.voiceprint import encode, to_base64
from tests.unit.schemas.sample_voiceprints import voiceprint

SPACE = registry.speaker_card("ge2e").space


def directions(count: int, seed: int = 0) -> Vectors:
    """Unit vectors (count, 256)."""
    return unit(np.random.default_rng(seed).normal(size=(count, 256))).astype(np.float32)


def text(vector: Vectors, speech: float = 5.0, **changes: Any) -> str:
    """The Base64 of a voiceprint with `vector` that stands for `speech` seconds."""
    given: dict[str, Any] = {"model": "ge2e", "space": SPACE, "quality": bytes(32)} | changes
    return to_base64(encode(voiceprint(vector=vector, speech_length=speech, **given)))


def silent(**changes: Any) -> str:
    """One without speech."""
    return text(np.zeros(256, np.float32), 0.0, **changes)
