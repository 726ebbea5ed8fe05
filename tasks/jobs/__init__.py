"""The jobs: one file per technology, of the same name as in `schemas/technologies`, found here by itself.

A file defines `run(work: Work)`, which returns the technology's stored result: bytes, or an iterator over its pieces,
which are stored while the next are made, and made anew where there was no room for them. It raises a TaskRefusal, to
the last piece, to end the task as rejected or failed, and runs in a thread, away from the event loop.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO, cast

from onnx_models.served import Served
from schemas.errors import ConfigurationError
from schemas.quality import DEFAULT_THRESHOLDS, Thresholds
from schemas.signatures import UNSIGNED, Signatures
from schemas.technologies import Parameters, technologies
from tasks.results import Piece

Job = Callable[["Work"], bytes | Iterator[Piece]]


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at one task.

    `input` is the uploaded file, open at its beginning, a recording as FileIO; `input_sha256` is its hash, `created_ms`
    when it was submitted. `models` are those that the worker has open. `stop` answers True once the attempt should be
    given up; long jobs ask it between blocks. `quality` says what a good recording is, `signatures` which voiceprints
    are taken and how those that are made are signed.
    """

    parameters: Parameters
    input: BinaryIO
    input_sha256: bytes
    created_ms: int
    models: Served
    stop: Callable[[], bool]
    quality: Thresholds = DEFAULT_THRESHOLDS
    signatures: Signatures = UNSIGNED


@cache
def jobs() -> Mapping[str, Job]:
    """Every job by its technology's name. Raises ConfigurationError that names a file which falls short."""
    found: dict[str, Job] = {}
    for module in pkgutil.iter_modules(__path__):
        run = getattr(importlib.import_module(f"{__name__}.{module.name}"), "run", None)
        name = module.name.replace("_", "-")
        if not callable(run) or name not in technologies() or technologies()[name].missing:
            raise ConfigurationError(f"tasks/jobs/{module.name}.py must define run() for a technology of its name")
        found[name] = cast("Job", run)
    wanted = {name for name, technology in technologies().items() if technology.missing is None}
    if missing := wanted - found.keys():
        raise ConfigurationError(f"tasks/jobs lacks a file for {', '.join(sorted(missing))}")
    return found
