"""What every gRPC service works with: the same use cases as REST."""

from dataclasses import dataclass

from appliance.intake import Intake
from appliance.settings import Settings
from tasks.endings import Endings
from tasks.files import FileStore
from tasks.store import TaskStore


@dataclass(frozen=True, slots=True)
class Calls:
    """The opened use cases of one gRPC process."""

    settings: Settings
    store: TaskStore
    files: FileStore
    intake: Intake
    endings: Endings
