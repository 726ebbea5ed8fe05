"""A finding says what is there, and what to do where that is not right."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found; `cure` is empty where there is nothing to cure."""

    status: Literal["ok", "warn", "fail"]
    finding: str
    cure: str = ""
