"""Every metric that is counted. Those that are read when somebody asks are in `appliance/metrics/gauges.py`.

A label has one of a few values that are known here: technologies, states, stages, paths as they are routed. Nothing
that a caller chose becomes one.
"""

from dataclasses import dataclass

PREFIX = "voiceprint_"


@dataclass(frozen=True, slots=True)
class Counter:
    """A number that only grows, one for each combination of values of its `labels`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many observations were at most each of `bounds`, and their sum."""

    name: str
    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]


Metric = Counter | Histogram

# Seconds: from a conversion of one voiceprint to an hour of audio on a slow machine.
_WORK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
# Seconds of work for a second of audio.
_SHARES = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)

SUBMITTED = Counter(PREFIX + "tasks_submitted", "Tasks that were accepted.", ("technology",))
ENDED = Counter(PREFIX + "tasks_ended", "Tasks that have ended: done, failed or rejected.", ("technology", "state"))
RECOVERED = Counter(PREFIX + "tasks_recovered", "Tasks that were taken from dead workers, or had lost their place.")
RESTARTS = Counter(
    PREFIX + "process_restarts", "Processes that died and were started anew by `voiceprint up`.", ("role",)
)
AUDIO = Counter(
    PREFIX + "audio_seconds", "Seconds of audio that were listened to, those of each channel.", ("technology",)
)
RESULT_BYTES = Counter(PREFIX + "result_bytes", "Bytes of results that were written.", ("technology",))
QUEUE_WAIT = Histogram(
    PREFIX + "queue_wait_seconds",
    "From the submission of a task to its first claim by a worker.",
    ("technology",),
    _WAITS,
)
ATTEMPT = Histogram(
    PREFIX + "attempt_seconds", "From the claim of a task to the end of its attempt.", ("technology",), _WORK
)
STAGE = Histogram(
    PREFIX + "stage_seconds",
    "Of one attempt, the time in one stage of the work; the stages add up to the attempt.",
    ("stage",),
    _WORK,
)
REAL_TIME_FACTOR = Histogram(
    PREFIX + "real_time_factor",
    "Of one attempt, seconds of work for a second of audio that was listened to.",
    ("technology",),
    _SHARES,
)
BATCHES = Counter(PREFIX + "batches", "Batches that went through speaker networks.", ("device",))
BATCH_WINDOWS = Counter(PREFIX + "batch_windows", "Windows in these batches.", ("device",))
BATCH_PLACES = Counter(PREFIX + "batch_places", "Windows that would have fitted into these batches.", ("device",))
REQUESTS = Counter(PREFIX + "http_requests", "HTTP requests that were answered.", ("method", "route", "status"))
REQUEST = Histogram(
    PREFIX + "http_request_seconds",
    "HTTP requests, from their head to where their answer is known; without polls that wait.",
    ("method", "route"),
    _WORK,
)
CALLS = Counter(PREFIX + "grpc_calls", "gRPC calls that were answered.", ("method", "status"))
CALL = Histogram(PREFIX + "grpc_call_seconds", "gRPC calls, which wait for their task.", ("method",), _WORK)
WEBHOOKS = Counter(PREFIX + "webhooks", "Attempts to tell of the end of a task: told, or again.", ("outcome",))

COUNTED: tuple[Metric, ...] = (
    SUBMITTED,
    ENDED,
    RECOVERED,
    RESTARTS,
    AUDIO,
    RESULT_BYTES,
    QUEUE_WAIT,
    ATTEMPT,
    STAGE,
    REAL_TIME_FACTOR,
    BATCHES,
    BATCH_WINDOWS,
    BATCH_PLACES,
    REQUESTS,
    REQUEST,
    CALLS,
    CALL,
    WEBHOOKS,
)
