"""Recordings in, voiceprints out. Has never heard of HTTP or queues.

from onnx_models import open_model

model = open_model("ge2e")
voiceprints = model.extract("call.wav")
voiceprints[0].vector  # numpy float32, shape (256,)
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx_models.extractor import Extractor

__all__ = ["open_model"]

# onnxruntime reports its use to its maker, and keeps an identifier of the device in the home folder, unless this is set
# before it is loaded. Whatever loads it here lies in this package, so this line comes first.
os.putenv("ORT_DISABLE_TELEMETRY", "1")


def open_model(
    name: str | None = None, *, models_dir: Path | str | None = None, device: str = "auto", threads: int | None = None
) -> "Extractor":
    """The installed speaker model `name`, by default the one that needs no choice; threads may share it.

    `device` is auto, cpu or cuda; `threads` the number of threads over which a long recording is spread, by default one
    for each core. Raises ConfigurationError when the model is not installed or the device not available.
    """
    # Importing this package must stay cheap: decoders need nothing of it, and the runtime is loaded with a model.
    from onnx_models import registry  # noqa: PLC0415
    from onnx_models.extractor import Extractor  # noqa: PLC0415

    folder = registry.default_models_dir() if models_dir is None else Path(models_dir)
    return Extractor.open(name or registry.DEFAULT_MODEL, models_dir=folder, device=device, threads=threads)
