"""The task store and the file store of one appliance, opened alike by each of its processes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.keyring import KeyRing
from tasks.files import FileStore, LocalFileStore
from tasks.store import TaskStore, Told, untold


@dataclass(frozen=True, slots=True)
class Stores:
    """Where both are: Redis at `redis_url` and the folder `store_dir`.

    With a `ring` records are authenticated, and files encrypted unless `encrypt` is off. The disk of `beside`, where
    Redis or the audit log may lie, counts when room is asked for.
    """

    redis_url: str
    store_dir: Path
    ring: KeyRing | None = None
    encrypt: bool = True
    beside: Path | None = None

    def files(self) -> FileStore:
        """Makes the folder where there is none."""
        keys = self.ring.derive("store") if self.ring else None
        return LocalFileStore(self.store_dir, keys, encrypt=self.encrypt, beside=self.beside)

    def tasks(self, ended: Callable[[str], None] = lambda _: None, told: Told = untold) -> TaskStore:
        """Connects when it is first used. Raises ConfigurationError for an address that cannot be used."""
        return TaskStore.open(self.redis_url, ended, self.ring.derive("record") if self.ring else None, told=told)
