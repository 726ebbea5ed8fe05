"""The same for children that have FFmpeg at hand."""

from importlib import import_module
from pkgutil import walk_packages

import av

import onnx_models.decoders.ffmpeg  # noqa: F401
from onnx_models.decoders.child import work

__all__ = ["work"]

# PyAV loads some of its modules late, and a confined child can load none.
for module in walk_packages(av.__path__, "av."):
    if not module.name.endswith((".__main__", ".datasets")):
        import_module(module.name)
