"""What can be taken in: tasks as the queue has places for them, uploads as there is room."""

import time
from collections.abc import Iterable

from appliance.room import Room
from appliance.settings import Settings
from schemas.errors import Overloaded, Unavailable
from schemas.technologies import Technology
from tasks.files import FileStore
from tasks.workforce import Capabilities, Depth, Workforce

# How long a look at what waits holds for those who come after, as long as so many fit who might come meanwhile.
_MOMENT_SECONDS, _COME_AT_ONCE = 0.1, 500


class Capacity:
    """How it stands, as it was last looked; `room` is that for uploads."""

    def __init__(self, settings: Settings, workforce: Workforce, files: FileStore) -> None:
        self.room = Room()
        self._settings = settings
        self._workforce = workforce
        self._files = files
        # How it stood, and until when that is good enough.
        self._seen: Depth | None = None
        self._look_again = 0.0

    async def admit(self, technology: Technology, *, waits: bool) -> None:
        """Raises Unavailable for a technology whose head no worker has, Overloaded for a task that `waits` when no more
        may."""
        depth, most = await self._look(), self._settings.max_queue_length
        if technology.head and depth.workers:
            _require_head(technology.name, technology.head, depth.workers.values())
        if waits and depth.waiting + depth.running >= most:
            raise Overloaded(f"the queue is full: {most} tasks wait or run already", headers={"Retry-After": "10"})

    async def _look(self) -> Depth:
        """How it stands, and the room for uploads as it is now: the bytes that fit beside those of open tasks.

        Far from what would refuse a task, a look of a moment ago is enough: what has come since has taken its room, and
        is counted exactly when it is submitted.
        """
        settings, room, now = self._settings, self.room, time.monotonic()
        storage = int(settings.input_storage_size)
        if self._seen and now < self._look_again and 2 * (room.capacity - room.taken) > storage:
            return self._seen
        depth, free = await self._workforce.depth(), self._files.free_space()
        room.capacity, room.reason = min(
            (
                storage - depth.input_bytes,
                f"waiting tasks have {depth.input_bytes} of {storage} bytes of input storage",
            ),
            (free - int(settings.minimum_free_space), f"the disk has {free} bytes left, most of them kept in reserve"),
        )
        far = depth.workers and 2 * (depth.waiting + depth.running) + _COME_AT_ONCE < settings.max_queue_length
        self._seen, self._look_again = depth, now + _MOMENT_SECONDS if far else now
        return depth


def _require_head(technology: str, head: str, workers: Iterable[Capabilities]) -> None:
    if not any(head in worker.heads for worker in workers):
        raise Unavailable(
            f"{technology} needs a head that tells {head} from a model's embeddings, and none is installed: "
            "install one with `voiceprint heads add` and restart the workers"
        )
