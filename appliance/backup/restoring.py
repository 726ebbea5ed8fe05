"""Putting a backup back: all of it is read and checked first, in a folder of its own; then it is moved into place.

From the first move to the last a mark lies in the data folder. While it does, the appliance does not start, and only
the same backup can be restored, which then goes on: every step may be repeated.
"""

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from appliance import preflight
from appliance.backup.format import Manifest
from appliance.backup.reaching import configured_or_started
from appliance.backup.reading import Backup
from appliance.backup.reviving import Revival
from appliance.backup.staging import Staging, require_no_media
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from schemas.keyring import KeyRing

if TYPE_CHECKING:
    from onnx_models.install.progress import Progress


def verify(file: BinaryIO, ring: KeyRing | None, told: "Progress") -> Backup:
    """Reads all of a backup. Raises ConfigurationError that says what is wrong with it."""
    backup = Backup(file, ring, need_ring=ring is not None)
    for _ in _members(backup, file, told):
        pass
    return backup


async def restore(settings: Settings, file: BinaryIO, told: "Progress") -> Manifest:
    """Reads a backup and puts it where the settings say. Returns what it held.

    Raises ConfigurationError, before anything is changed, for a backup that is damaged or needs another key ring, and
    for an appliance that runs or has tasks; Overloaded or StorageFull when Redis is in the way.
    """
    from onnx_models.install.writing import write_atomically  # noqa: PLC0415

    ring = settings.ring()
    mark = preflight.restore_mark(settings.data_dir)
    with preflight.locked(settings.data_dir):
        settings.store.mkdir(mode=0o700, parents=True, exist_ok=True)
        interrupted = mark.read_text() if mark.exists() else None
        async with configured_or_started(settings) as (redis, url):
            revival = Revival(redis, ring.derive("record") if ring else None)
            await revival.require_rest(url)
            if interrupted is None:
                await revival.require_empty(url)
                require_no_media(settings)
            with Staging(settings) as staging:
                manifest = _staged(Backup(file, ring), file, staging, told)
                if interrupted not in {None, manifest.sums_sha256}:
                    raise ConfigurationError(
                        f"the restore of another backup into {settings.data_dir} was interrupted: repeat that one"
                    )
                staging.require_room()
                write_atomically(mark, manifest.sums_sha256.encode(), 0o600)
                staging.place()
                for batch in staging.batches():
                    await revival.add(batch)
                await revival.finish()
        os.sync()
        mark.unlink()
    return manifest


def _staged(backup: Backup, file: BinaryIO, staging: Staging, told: "Progress") -> Manifest:
    for name, content in _members(backup, file, told):
        staging.take(name, content)
    return backup.manifest


def _members(backup: Backup, file: BinaryIO, told: "Progress") -> Iterator[tuple[str, Iterator[bytes]]]:
    """Every member with its blocks, of which `told` hears."""
    found = os.fstat(file.fileno())
    total, done = found.st_size if stat.S_ISREG(found.st_mode) else 0, 0

    def heard(blocks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done
        for block in blocks:
            done += len(block)
            if total:
                told.received(min(done, total), total)
            yield block

    for name, content in backup.members():
        yield name, heard(iter(content))
