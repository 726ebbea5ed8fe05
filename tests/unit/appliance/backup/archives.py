"""Backups made by hand, so that what is wrong with them can be chosen."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping

from appliance.backup.format import Opening, SavedTask
from appliance.backup.writing import Archive
from schemas import packing
from schemas.keyring import KeyRing
from tasks.record import TaskRecord

WAITS, OVER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
UPLOAD, RESULT = b"an upload" * 100, b"a result"
RING, OTHER_RING = KeyRing({3: bytes(32)}), KeyRing({3: bytes([1]) * 32})
BATCH, INPUT, OUTCOME = "tasks/000000.msgpack", f"inputs/{WAITS}", f"results/{OVER}.1"


def batch(ring: KeyRing | None = None) -> bytes:
    keys = ring.derive("record") if ring else None
    waits = TaskRecord(WAITS, "a-technology", 1, {}, len(UPLOAD), hashlib.sha256(UPLOAD).digest())
    over = TaskRecord(OVER, "a-technology", 1, {}, 1, b"").claimed("a worker").done(len(RESULT), b"")
    tasks = [
        SavedTask(WAITS, waits.pack(keys), None, 1.0, None, 0),
        SavedTask(OVER, over.pack(keys), 60_000, None, 5, 1),
    ]
    return packing.pack([list(task) for task in tasks])


def made(ring: KeyRing | None = None, **others: bytes) -> bytes:
    """A sound backup of one open and one ended task."""
    out, lines = io.BytesIO(), io.BytesIO()
    archive = Archive(out, lines, ring, Opening(format=1, appliance="0.1.0", created_ms=1, key_id=3 if ring else 0))
    archive.add_batch(BATCH, batch(ring), opened=1, ended=1)
    for name, content in {INPUT: UPLOAD, OUTCOME: RESULT, **others}.items():
        archive.add(name, io.BytesIO(content), len(content))
    archive.close()
    return out.getvalue()


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def tar(*parts: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    """A tar of members that need not be allowed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member, content in parts:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def resealed(parts: Mapping[str, bytes], *extra: tuple[str | tarfile.TarInfo, bytes], **counts: int) -> bytes:
    """A backup without a key ring of other members, with sums and a manifest that are right."""
    told = {name: content for name, content in parts.items() if name not in {"SHA256SUMS", "manifest.json"}}
    named = [*told.items(), *((member if isinstance(member, str) else member.name, data) for member, data in extra)]
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in named).encode()
    manifest = json.loads(parts["manifest.json"])
    manifest["counts"] |= counts
    manifest["sums_sha256"] = hashlib.sha256(sums).hexdigest()
    return tar(*told.items(), *extra, ("SHA256SUMS", sums), ("manifest.json", json.dumps(manifest).encode()))
