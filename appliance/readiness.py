"""Whether a task that is submitted now would be done. The same for every face of the appliance."""

import asyncio

from appliance.settings import PREFIX, Settings
from schemas.errors import Refusal
from tasks.audit import Audit
from tasks.files import FileStore
from tasks.workforce import Workforce

# Those who ask for our health give up after a few seconds themselves.
_PATIENCE_SECONDS = 2.0


async def pings(settings: Settings, workforce: Workforce, files: FileStore, audit: Audit) -> dict[str, str | None]:
    """What is wrong with each thing that the service needs, or None where nothing is."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            depth = await workforce.depth()
    except (Refusal, TimeoutError):
        unknown = "unknown without Redis"
        return {
            "redis": "Redis does not answer",
            "worker": unknown,
            "model": unknown,
            "store": audit.amiss or _store(settings, files),
        }
    served = {model for worker in depth.workers.values() for model in worker.models}
    missing = [model for model in settings.served_models if model not in served]
    return {
        "redis": None,
        "worker": None if depth.workers else "no worker has been heard from lately",
        "model": f"no live worker serves {', '.join(missing)}: is it installed?" if missing else None,
        "store": audit.amiss or _store(settings, files),
    }


def _store(settings: Settings, files: FileStore) -> str | None:
    try:
        files.probe()
        free = files.free_space()
    except OSError as error:
        return f"the store folder cannot be written: {error.strerror}"
    if free < (least := int(settings.minimum_free_space)):
        return (
            f"the disk of the store or the data folder is full: {free} bytes are free, "
            f"{PREFIX}MINIMUM_FREE_SPACE is {least}"
        )
    return None
