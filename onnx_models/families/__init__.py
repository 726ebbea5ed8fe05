"""Front ends: one file for each way to turn speech samples into a network's input.

Every module of this folder is found by itself and must have what `Family` asks for. Cards name a family by its `name`
and give its options.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, cast

import numpy.typing as npt

from onnx_models.blocks import Samples
from schemas.errors import ConfigurationError

# The network's inputs for one window, in the graph's order and without a batch axis: float32, lengths as int64.
Window = tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Framing:
    """`sample_rate` in hertz. Speech up to `window_seconds` is one window; longer speech is cut into windows of that
    length, one every `hop_seconds` and the last one ending with the speech.
    """

    sample_rate: int
    window_seconds: float
    hop_seconds: float


class FrontEnd(Protocol):
    """Turns the speech of one recording into windows, and is then thrown away."""

    def push(self, samples: Samples) -> Iterable[Window]:
        """Take the next speech samples, shape (n,); gives the windows that they complete."""

    def finish(self) -> Iterable[Window]:
        """The windows that had to wait for the end. At least one window comes of every recording with speech."""


class Family(Protocol):
    """What a module of this folder provides."""

    name: str

    def front_end(self, framing: Framing, options: Mapping[str, Any]) -> FrontEnd:
        """A front end for one recording.

        Raises TypeError or ValueError for options that the family does not have.
        """


def open_family(name: str, framing: Framing, options: Mapping[str, Any]) -> Callable[[], FrontEnd]:
    """What makes the front end of one recording after the other.

    Raises ConfigurationError for a family that is not there or options that it does not take.
    """
    if name not in families():
        raise ConfigurationError(f"there is no front end {name!r}; there are: {', '.join(families())}")
    make = partial(families()[name].front_end, framing, options)
    try:
        make()
    except (TypeError, ValueError) as error:
        reason = str(error)
        # Python tells of an unknown option in terms of a class that nobody has heard of.
        if (taken := _options(families()[name])) and (unknown := sorted(options.keys() - taken)):
            reason = f"it takes {' and '.join(taken)}, not {', '.join(unknown)}"
        raise ConfigurationError(f"front end {name!r} does not take the options of the card: {reason}") from error
    return make


def _options(family: Family) -> list[str]:
    """What the class that `front_end` is annotated to give takes by keyword; nothing where it cannot be told."""
    made = inspect.signature(family.front_end, eval_str=True).return_annotation
    if not isinstance(made, type) or made is inspect.Signature.empty:
        return []
    parameters = inspect.signature(made).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


@cache
def families() -> dict[str, Family]:
    """Every family by name. Raises ConfigurationError naming the file that is not one."""
    return load_families([str(Path(__file__).parent)], __name__)


def load_families(folders: list[str], package: str) -> dict[str, Family]:
    """The families among the modules of `folders`, importable from `package`."""
    found: dict[str, Family] = {}
    for module_info in pkgutil.iter_modules(folders):
        module = importlib.import_module(f"{package}.{module_info.name}")
        file = f"{module_info.name}.py"
        name = getattr(module, "name", None)
        if not isinstance(name, str):
            raise ConfigurationError(f"{file} is not a family: it has no `name`")
        front_end = getattr(module, "front_end", None)
        expected = list(inspect.signature(Family.front_end).parameters)[1:]
        if not callable(front_end) or list(inspect.signature(front_end).parameters) != expected:
            raise ConfigurationError(f"{file} is not a family: it has no `front_end({', '.join(expected)})`")
        if name in found:
            raise ConfigurationError(f"{file} is not a family of its own: another is already named {name!r}")
        found[name] = cast("Family", module)
    return found
