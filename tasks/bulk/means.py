"""What a process needs on the machine where it works, wherever that is: nothing of it changes what it makes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from schemas.keyring import KeyRing
from schemas.signatures import Signatures


@dataclass(frozen=True, slots=True)
class Means:
    """Where the key ring is, whether voiceprints that are not signed are taken, what opens a database, where models
    are, on which device they run and over how many threads a long recording is spread."""

    ring: str | None = None
    unsigned: Literal["refuse", "accept"] = "refuse"
    qdrant_api_key: str | None = field(default=None, repr=False)
    models_dir: str = ""
    device: str = "auto"
    threads: int | None = None

    def signatures(self) -> Signatures:
        """Raises ConfigurationError for a key ring that cannot be used."""
        return Signatures.of(None if self.ring is None else KeyRing.read(Path(self.ring)), self.unsigned)
