"""Writing a backup: members one after the other, each hashed as it passes."""

import hashlib
import tarfile
import time
from collections import Counter
from io import BytesIO
from typing import BinaryIO

from appliance.backup.format import (
    BATCH,
    INPUT,
    MANIFEST,
    OPENING,
    RESULT,
    SEAL,
    SUMS,
    Counts,
    Manifest,
    Opening,
    Seal,
)
from schemas.keyring import KeyRing

_BLOCK_BYTES = 1 << 20


class Archive:
    """A backup under way to `out`; `lines` is a file to write to and read from, for SHA256SUMS."""

    def __init__(self, out: BinaryIO, lines: BinaryIO, ring: KeyRing | None, opening: Opening) -> None:
        self._out, self._lines = out, lines
        self._keys = ring.derive("backup") if ring else None
        self._key_ids = {self._keys.current} if self._keys else set()
        self._time = int(time.time())
        self._members: Counter[str] = Counter()
        self._open, self._ended = 0, 0
        text = opening.model_dump_json().encode()
        self._listed(OPENING, BytesIO(text), len(text))

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        """The next `size` bytes of `file` as the member `name`. Raises EOFError when it has fewer."""
        self._members[name.partition("/")[0]] += 1
        self._listed(name, file, size)

    def add_batch(self, name: str, content: bytes, *, opened: int, ended: int) -> None:
        """The records of so many open and ended tasks."""
        self._open += opened
        self._ended += ended
        self.add(name, BytesIO(content), len(content))

    def needs(self, key_id: int) -> None:
        """Some of the content cannot be read without this key of the ring; 0 stands for none."""
        self._key_ids |= {key_id} - {0}

    def close(self) -> Manifest:
        """Writes the members that describe the others, and the end."""
        size = self._lines.tell()
        self._lines.seek(0)
        sums = self._member(SUMS, self._lines, size)
        manifest = Manifest(counts=self._counts(), key_ids=tuple(sorted(self._key_ids)), sums_sha256=sums)
        text = manifest.model_dump_json(indent=1).encode()
        self._member(MANIFEST, BytesIO(text), len(text))
        if self._keys:
            seal = Seal(key_id=self._keys.current, hmac=self._keys.mac(text).hex()).model_dump_json().encode()
            self._member(SEAL, BytesIO(seal), len(seal))
        self._out.write(bytes(2 * tarfile.BLOCKSIZE))
        return manifest

    def _counts(self) -> Counts:
        batches, uploads, results = (self._members[kind.rstrip("/")] for kind in (BATCH, INPUT, RESULT))
        others = self._members.total() - batches - uploads - results
        return Counts(open=self._open, ended=self._ended, uploads=uploads, results=results, others=others)

    def _listed(self, name: str, file: BinaryIO, size: int) -> None:
        self._lines.write(f"{self._member(name, file, size)}  {name}\n".encode())

    def _member(self, name: str, file: BinaryIO, size: int) -> str:
        """Writes it and returns its SHA-256."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, self._time
        # A size above 8 GiB is written into the header itself: no member has more than one block of header.
        self._out.write(member.tobuf(tarfile.GNU_FORMAT))
        digest, missing = hashlib.sha256(), size
        while missing:
            if not (block := file.read(min(missing, _BLOCK_BYTES))):
                raise EOFError(f"{name} ends after {size - missing} of {size} bytes")
            digest.update(block)
            self._out.write(block)
            missing -= len(block)
        self._out.write(bytes(-size % tarfile.BLOCKSIZE))
        return digest.hexdigest()
