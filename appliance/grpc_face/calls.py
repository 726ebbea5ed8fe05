"""What every gRPC service works with: the same use cases as REST."""

import asyncio
from dataclasses import dataclass, field

from appliance.intake import Intake
from appliance.settings import Settings
from tasks.audit import Audit
from tasks.endings import Endings
from tasks.files import FileStore
from tasks.metrics.tally import Tally
from tasks.store import TaskStore
from tasks.workforce import Workforce

# Each is there several times over while it becomes a document: as a message, as Base64, on its way to the disk.
_LISTS_AT_A_TIME = 2


@dataclass(frozen=True, slots=True)
class Calls:
    """The opened use cases of one gRPC process. `writing` is held by a call that makes a document of voiceprints."""

    settings: Settings
    store: TaskStore
    workforce: Workforce
    files: FileStore
    intake: Intake
    endings: Endings
    audit: Audit
    tally: Tally
    writing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LISTS_AT_A_TIME))
