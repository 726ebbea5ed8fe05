"""What a process needs on the machine where it works, wherever that is: nothing of it changes what it makes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.keyring import KeyRing
from schemas.signatures import Signatures


@dataclass(frozen=True, slots=True)
class Means:
    """Where the key ring is, and whether voiceprints that are not signed are taken."""

    ring: str | None = None
    unsigned: Literal["refuse", "accept"] = "refuse"

    def signatures(self) -> Signatures:
        """Raises ConfigurationError for a key ring that cannot be used."""
        return Signatures.of(None if self.ring is None else KeyRing.read(Path(self.ring)), self.unsigned)
