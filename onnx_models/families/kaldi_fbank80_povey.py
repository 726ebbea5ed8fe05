"""Kaldi's filter bank as 3D-Speaker uses it: Kaldi's own window, samples from -1 to 1.

Y. Chen et al., "3D-Speaker-Toolkit: An open-source toolkit for multimodal speaker verification and diarization", 2024.
"""

from collections.abc import Mapping
from typing import Any

from onnx_models.families import Framing
from onnx_models.fbank import KaldiFrontEnd

name = "kaldi-fbank80-povey"

_SCALE = 1.0


def front_end(framing: Framing, options: Mapping[str, Any]) -> KaldiFrontEnd:
    """Windows of shape (frames, 80). Option: `minimum_seconds`, to which shorter speech is repeated (0.5)."""
    return KaldiFrontEnd(framing, "povey", _SCALE, **options)
