"""What live workers tell of their models, which anyone who can write to Redis can tell as well."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.workforce import Workforce

# Of each model, by the names under which it is told. What else is told is for those who read it.
_TEXTS = ("name", "device", "space")
_SPEED = "times_real_time"


async def models(workforce: Workforce) -> list[Mapping[str, Any]]:
    """One entry for each model of each live worker; those that no worker of ours would tell are left out.

    Raises Overloaded while Redis cannot be reached.
    """
    return [model for report in (await workforce.reports()).values() for model in _ours(report)]


def _ours(report: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for model in report:
        speed = model.get(_SPEED)
        measured = isinstance(speed, (int, float)) and not isinstance(speed, bool) and math.isfinite(speed)
        if measured and all(isinstance(model.get(name), str) for name in _TEXTS):
            yield model
