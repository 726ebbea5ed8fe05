"""What the routes of the system and of health answer."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.task import TaskState
from schemas.technologies import Shown


class Info(Shown):
    """What runs here."""

    version: str
    technologies: list[str]


class TaskCounts(Shown):
    """Tasks that wait and run, and how many may."""

    waiting: int
    running: int
    limit: int


class Worker(Shown):
    """A worker that is alive, and the speaker models that it serves."""

    name: str
    models: list[str]


class Storage(Shown):
    """Bytes of uploads whose tasks have not ended, their limit, and what is free on the disk."""

    input_bytes: int
    input_limit_bytes: int
    free_bytes: int


class Limits(Shown):
    """Bytes and seconds, by the names under which the Phonexia Speech Platform publishes them."""

    single_file_upload_size: Annotated[int, Field(alias="singleFileUploadSize")]
    single_file_upload_timeout: Annotated[float, Field(alias="singleFileUploadTimeout")]
    input_storage_size: Annotated[int, Field(alias="inputStorageSize")]
    max_audio_length: Annotated[float, Field(alias="maxAudioLength")]


class Status(Shown):
    """How busy it is; degraded when a task submitted now would not be done."""

    status: Literal["ready", "degraded"]
    tasks: TaskCounts
    workers: list[Worker]
    storage: Storage
    limits: Limits


class Minute(Shown):
    """What ended in one minute, the last of which is not over."""

    start: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    tasks: int
    audio_seconds: Annotated[float, Field(description="Audio that was listened to, of each channel.")]


class Throughput(Shown):
    """The last 60 minutes, the oldest first."""

    minutes: list[Minute]


class ListedTask(Shown):
    """A task of the caller's own; `ended` is null before its end."""

    task_id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    technology: Annotated[str, Field(description="Empty for a task whose record was lost.")]
    state: TaskState
    created: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    ended: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None
    message: Annotated[str, Field(description="Why it failed or was rejected, if that is short.")] | None
    location: Annotated[str, Field(description="Where it is polled and erased.")] | None


class ListedTasks(Shown):
    """The newest first; `next` is what `after` is for the next page, null where there is none."""

    tasks: list[ListedTask]
    next: str | None


class Calibration(Shown):
    """Between vectors of long speech, LLR = slope x cosine + offset."""

    fitted: str
    slope: float
    offset: float


class Model(Shown):
    """A speaker model that live workers serve. Its vectors compare only with those of the same `space`."""

    name: str
    default: bool
    summary: str
    family: str
    space: str
    dimension: int
    sample_rate: Annotated[int, Field(description="In hertz.")]
    licence: str
    training_data: str
    published_eer: str
    device: str
    times_real_time: Annotated[float, Field(description="Seconds of recording in a second, the workers' median.")]
    workers: Annotated[int, Field(description="How many serve it.")]
    metric: str
    unit_length: bool
    calibration: Calibration | None
    profiles: Annotated[list[str], Field(description="Audio source profiles that scores may be made with.")]
    heads: Annotated[list[str], Field(description="What can be told from its vectors.")]


class Models(Shown):
    """The default first."""

    models: list[Model]


class Alive(Shown):
    """The HTTP process answers."""

    status: Literal["alive"]


class Check(Shown):
    """Whether one thing that the service needs is there, and else what is wrong."""

    ok: bool
    message: str


class Readiness(Shown):
    """Whether a task submitted now would be done."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Check]
