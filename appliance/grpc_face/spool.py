"""What waits on the disk for the rest of its call: sealed under a key of its own, which is kept nowhere."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from schemas.keyring import SECRET_BYTES, Keys
from tasks.files import storage_errors
from tasks.sealing import SealedFile, Sealer

_NAME = "spool"


class Spool:
    """Bytes that are written one after the other, and then read once from the beginning.

    Voiceprints must not lie in clear on the disk, and memory has no room for all that may come. Since the key is in no
    ring, what a process leaves that was killed, and what the medium keeps, is noise.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._keys = Keys(1, {1: secrets.token_bytes(SECRET_BYTES)})
        self._sealer = Sealer(self._keys, _NAME)

    def write(self, data: bytes) -> None:
        """Raises StorageFull."""
        self._put(self._sealer.add(data))

    def pieces(self) -> Iterator[bytes]:
        """All that was written, after which nothing more can be. Raises StorageFull, and Unsealable when the file was
        changed meanwhile."""
        self._put(self._sealer.end())
        self._file.seek(0)
        return SealedFile(self._file, self._keys, _NAME).chunks()

    def _put(self, sealed: bytes) -> None:
        rest = memoryview(sealed)
        with storage_errors():
            while rest:
                rest = rest[self._file.write(rest) :]


@contextmanager
def spool(folder: Path) -> Iterator[Spool]:
    """An empty one, whose file is in `folder` and has no name there."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        yield Spool(file)
