"""Which of a child's locks hold on this machine: a child tries."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.talk import Broken, Lost
from onnx_models.sandbox.zygote import Zygote
from schemas.errors import ConfigurationError

_LIMITS = Limits(processor_seconds=10, patience_seconds=30.0)


@dataclass(frozen=True, slots=True)
class Tried:
    """The `locks` that could be put on and those that could not; and what a child `succeeded` in that it should not."""

    locks: Sequence[str]
    missing: Sequence[str]
    succeeded: Sequence[str]


def tried() -> Tried:
    """Forks a child, confines it as any other and lets it try. Raises ConfigurationError when not even that works."""
    zygote = Zygote("onnx_models.sandbox.misdeeds")
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        talk = zygote.ask({}, nothing, _LIMITS)
        told = talk.next(0, lambda: False)
    except (OSError, Broken, Lost) as error:
        raise ConfigurationError(
            f"no confined process can be started here ({error}): no recording is decoded"
        ) from error
    finally:
        os.close(nothing)
        zygote.end()
    assert isinstance(told, dict)  # noqa: S101
    locks: dict[str, bool] = told["locks"]
    return Tried(
        [name for name, holds in locks.items() if holds],
        [name for name, holds in locks.items() if not holds],
        told["succeeded"],
    )
