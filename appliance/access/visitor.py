"""Who makes a request, as far as the door knows: the one place where anything else learns it."""

from dataclasses import dataclass

from schemas.errors import Refusal


@dataclass(frozen=True, slots=True)
class Visitor:
    """`key_id` and `name` are those of the API key, empty where none was needed or none was known; `address` is where
    the request comes from. `refusal` is why it was not let in, None where it was.

    `technologies` are those for which it may submit tasks, None for all of them; `rate_limit` is the key's own.
    """

    key_id: str = ""
    name: str = ""
    address: str = ""
    technologies: tuple[str, ...] | None = None
    rate_limit: int | None = None
    refusal: Refusal | None = None

    @property
    def scope(self) -> bytes:
        """What stands for the key in task records, empty without one: whoever has the same owns the task."""
        return self.key_id.encode()
