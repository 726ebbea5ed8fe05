"""One call and its answer, and what carries them: the same for those who block and those who do not."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from voiceprint_client import reading
from voiceprint_client.content import Content
from voiceprint_client.errors import REFUSALS, Busy, Detail, Refused, StrangeAnswer

# What passes by itself: an appliance, or a proxy before it, that starts, is full or is being replaced.
PASSING = frozenset({408, 425, 429, 502, 503, 504, 507})


@dataclass(frozen=True, slots=True)
class Call:
    """`waits` is for how many seconds the appliance may think before it answers. `late` is told the answer to a call
    that was cancelled when all of it had been sent, where a transport can still have it."""

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content | None = None
    waits: float = 0.0
    late: Callable[["Answer"], None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def tree(self) -> dict[str, Any]:
        """Its body. Raises StrangeAnswer."""
        try:
            found = reading.tree(self.content, self.headers.get("content-type", ""))
        except (ValueError, RecursionError) as error:
            raise StrangeAnswer(f"an answer of {self.status} that cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise StrangeAnswer(f"an answer of {self.status} without an object in it")
        return found

    @property
    def retry_after(self) -> float | None:
        """Seconds, as a number or until a date; None when not told."""
        said = self.headers.get("retry-after", "")
        if said.isdecimal():
            return float(said)
        try:
            return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return None

    def refusal(self) -> Refused:
        """The error that an answer of 400 and above stands for."""
        try:
            body = self.tree()
        except StrangeAnswer:
            body = {}
        kind = str(body.get("type", ""))
        return REFUSALS.get(kind, Busy if self.status in PASSING else Refused)(
            str(body.get("message") or f"an answer of {self.status}"),
            status=self.status,
            type=kind,
            detail=details(body),
            request_id=self.headers.get("x-request-id", ""),
            retry_after=self.retry_after,
        )


def details(body: Mapping[str, Any]) -> tuple[Detail, ...]:
    """The faults of an error body; none where they cannot be read."""
    given = body.get("detail")
    found = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return tuple(
        Detail(
            tuple(one.get("location") or ()),
            str(one.get("message", "")),
            str(one.get("type", "")),
            dict(one.get("context") or {}),
        )
        for one in found
    )


class Transport(Protocol):
    """What carries calls. Of one that blocks, these are coroutines all the same, which never wait for a loop."""

    async def send(self, call: Call) -> Answer:
        """Once. Raises NoAnswer, and OSError for a recording that cannot be read."""
        ...

    async def pause(self, seconds: float) -> None: ...


def scattered(seconds: float) -> float:
    """A little more, so that those who were refused together do not come again together."""
    return seconds * random.uniform(1.0, 1.2)  # noqa: S311  # guards nothing
