"""Who makes a request, as far as the door knows: the one place where anything else learns it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from schemas.errors import Refusal


@dataclass(frozen=True, slots=True)
class Visitor:
    """`key_id` and `name` are those of the API key, empty where none was needed or none was known; `address` is where
    the request comes from. `refusal` is why it was not let in, None where it was.

    `technologies` are those for which it may submit tasks, None for all of them; `rate_limit` is the key's own. `anew`
    asks the door once more, None for one that was not asked.
    """

    key_id: str = ""
    name: str = ""
    address: str = ""
    technologies: tuple[str, ...] | None = None
    rate_limit: int | None = None
    refusal: Refusal | None = None
    anew: Callable[[], Self] | None = field(default=None, compare=False, repr=False)

    @property
    def scope(self) -> bytes:
        """What stands for the key in task records, empty without one: whoever has the same owns the task."""
        return self.key_id.encode()

    def require_still(self) -> None:
        """Of a request that has taken its time: raises what refuses it by now. A key that was revoked or has expired
        since gets no result and submits no task."""
        if self.anew is not None and (refusal := self.anew().refusal) is not None:
            raise refusal
