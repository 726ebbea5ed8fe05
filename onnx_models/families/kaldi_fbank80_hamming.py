"""Kaldi's filter bank as WeSpeaker uses it: the Hamming window, samples in the range of 16-bit integers.

H. Wang et al., "Wespeaker: A research and production oriented speaker embedding learning toolkit", ICASSP 2023.
"""

from collections.abc import Mapping
from typing import Any

from onnx_models.families import Framing
from onnx_models.fbank import KaldiFrontEnd

name = "kaldi-fbank80-hamming"

_SCALE = 32768.0


def front_end(framing: Framing, options: Mapping[str, Any]) -> KaldiFrontEnd:
    """Windows of shape (frames, 80). Option: `minimum_seconds`, to which shorter speech is repeated (0.5)."""
    return KaldiFrontEnd(framing, "hamming", _SCALE, **options)
