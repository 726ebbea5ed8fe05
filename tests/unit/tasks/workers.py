"""Real worker processes, and the tasks that tests give them."""

import json
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from schemas.voiceprint import to_base64
from tasks.files import LocalFileStore
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tests.patience import eventually

CONVERSION = "speaker-identification-voiceprint-conversion"
EXTRACTION = "speaker-identification-voiceprint-extraction"
RUN = """
import json, pathlib, sys
from tasks.worker import WorkerConfig, run
given = json.loads(sys.argv[1])
run(WorkerConfig(**given | {name: pathlib.Path(given[name]) for name in ("store_dir", "models_dir")}))
"""


@dataclass(frozen=True)
class Working:
    """A worker that runs, the store folder that it shares with the test, and what it logs."""

    name: str
    process: "subprocess.Popen[bytes]"
    files: LocalFileStore
    folder: Path
    log: Path


Start = Callable[..., Working]


def given(name: str, redis_url: str, store_dir: Path, models_dir: Path, **changes: object) -> dict[str, object]:
    """What RUN needs to know of a worker."""
    return {
        "name": name,
        "redis_url": redis_url,
        "store_dir": str(store_dir),
        "models_dir": str(models_dir),
        "models": ["ge2e"],
        "profile": None,
        "device": "cpu",
        "max_audio_length": 7200.0,
        "retention": 1000.0,
        "drain_timeout": 30.0,
    } | changes


async def submit(
    store: TaskStore, files: LocalFileStore, data: bytes, technology: str = CONVERSION, **parameters: Any
) -> TaskRecord:
    record = TaskRecord(str(uuid.uuid4()), technology, 1_750_000_000_123, parameters)
    async with files.upload(record.task_id) as upload:
        await upload.write(data)
    record = replace(record, input_bytes=upload.size, input_sha256=upload.sha256)
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)
    return record


async def ended(store: TaskStore, record: TaskRecord) -> TaskRecord:
    """The record of the task once it has ended."""

    async def over() -> TaskRecord | None:
        now = await store.fetch(record.task_id)
        return now if now and now.state.terminal else None

    return cast("TaskRecord", await eventually(over))


def document(*containers: bytes) -> bytes:
    return json.dumps({"voiceprints": [to_base64(container) for container in containers]}).encode()
