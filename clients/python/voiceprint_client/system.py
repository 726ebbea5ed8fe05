"""What an appliance tells of itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What runs there."""

    version: str
    technologies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Between vectors of long speech, LLR = slope x cosine + offset."""

    fitted: str
    slope: float
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A speaker model that is served. Its vectors, of `dimension` values, compare only with those of the same `space`;
    `sample_rate` is in hertz, `times_real_time` seconds of recording in a second."""

    name: str
    default: bool
    summary: str
    family: str
    space: str
    dimension: int
    sample_rate: int
    licence: str
    training_data: str
    published_eer: str
    device: str
    times_real_time: float
    workers: int
    metric: str
    unit_length: bool
    calibration: Calibration | None
    profiles: tuple[str, ...]
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The default first."""

    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """Tasks that wait and run, and how many may."""

    waiting: int
    running: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker that is alive, and the speaker models that it serves."""

    name: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Bytes of uploads whose tasks have not ended, their limit, and what is free on the disk."""

    input_bytes: int
    input_limit_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In bytes and seconds, by the names under which the contract publishes them."""

    singleFileUploadSize: int  # noqa: N815
    singleFileUploadTimeout: float  # noqa: N815
    inputStorageSize: int  # noqa: N815
    maxAudioLength: float  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How busy it is; degraded when a task submitted now would not be done."""

    status: Literal["ready", "degraded"]
    tasks: TaskCounts
    workers: tuple[Worker, ...]
    storage: Storage
    limits: Limits
