"""Making a backup of an appliance that may run meanwhile."""

import logging
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from os import fstat
from pathlib import Path
from typing import BinaryIO

from appliance.backup import around
from appliance.backup.format import BATCH, KEYS_FILE, Manifest, Opening
from appliance.backup.reaching import reached
from appliance.backup.snapshot import Found, Snapshot
from appliance.backup.writing import Archive
from appliance.settings import Settings
from schemas import packing
from schemas.errors import ConfigurationError
from tasks import sealing
from tasks.files import LocalFileStore
from tasks.record import key_id, now_ms

log = logging.getLogger(__name__)


async def make(
    settings: Settings,
    out: BinaryIO,
    *,
    ended: bool = True,
    networks: bool = False,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> Manifest:
    """Writes the state to `out` and returns what it was; `told` hears of so many tasks out of all.

    Without `ended`, tasks that have ended and their results are left out; with `networks`, the models' networks that
    could be fetched again are in it. Memory: some 100 bytes a task, and one batch of records. Raises OSError, or
    ConfigurationError or Overloaded that say what is in the way.
    """
    if not (settings.data_dir.is_dir() or settings.redis_url):
        raise ConfigurationError(f"there is no appliance in {settings.data_dir}: set VOICEPRINT_DATA_DIR to its folder")
    ring = settings.ring()
    opening = Opening(
        format=1, appliance=version("voiceprint-appliance"), created_ms=now_ms(), key_id=ring.current if ring else 0
    )
    secrets = around.Secrets(settings)
    with tempfile.TemporaryFile() as lines:
        archive = Archive(out, lines, ring, opening)
        for name, path in around.models(settings, networks=networks):
            _add(archive, secrets, name, path)
        async with reached(settings) as redis:
            settings.store.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = LocalFileStore(settings.store)
            snapshot = Snapshot(redis, files, ring.derive("record") if ring else None, ended=ended)
            await _add_tasks(archive, snapshot, told)
        if snapshot.unreadable:
            log.warning(
                "%s damaged or from before the key ring: results that nobody can have any more are left out",
                "1 task is" if snapshot.unreadable == 1 else f"{snapshot.unreadable} tasks are",
            )
        if (path := around.keys_file(settings)).exists():
            _add(archive, secrets, KEYS_FILE, path)
        # Last, so that it tells of every task that is in the backup.
        with ExitStack() as held:
            for name, file, size in around.audit(settings, held):
                archive.add(name, file, size)
        return archive.close()


def _add(archive: Archive, secrets: around.Secrets, name: str, path: Path) -> None:
    with secrets.opened(path) as file:
        archive.add(name, file, fstat(file.fileno()).st_size)


async def _add_tasks(archive: Archive, snapshot: Snapshot, told: Callable[[int, int], None]) -> None:
    task_ids = await snapshot.task_ids()
    done = 0
    async for batch in snapshot.batches(task_ids):
        if batch:
            _add_batch(archive, f"{BATCH}{done:06d}.msgpack", batch)
        done += len(batch)
        told(done, len(task_ids))


def _add_batch(archive: Archive, name: str, batch: list[Found]) -> None:
    ended = sum(task.retention_ms is not None for task, _, _ in batch)
    packed = packing.pack([list(task) for task, _, _ in batch])
    archive.add_batch(name, packed, opened=len(batch) - ended, ended=ended)
    for task, name_of_file, file in batch:
        archive.needs(key_id(task.record))
        if file is not None:
            archive.needs(sealing.key_id(file) or 0)
            file.seek(0)
            archive.add(name_of_file, file, fstat(file.fileno()).st_size)
