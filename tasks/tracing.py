"""The trace that a task belongs to: from the caller, whose W3C `traceparent` begins it, by the task's record to the
worker. Without the extra `[otel]` it is only passed on, so that logs can name it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from onnx_models.stages import Stopwatch
from schemas.errors import ConfigurationError
from tasks.record import TaskRecord

# https://www.w3.org/TR/trace-context/: later versions may say more behind what all of them have.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?P<more>-.*)?")


def traceparent(given: str) -> str:
    """What a caller says of its trace; empty for what is no `traceparent`."""
    known = _TRACEPARENT.fullmatch(given)
    if known is None or (known["more"] is not None and given.startswith("00")):
        return ""
    return f"00{known[1]}"


def trace_id(traceparent: str) -> str:
    """Of which trace it is, empty for none."""
    return traceparent[3:35]


class Tracing:
    """Passes on what callers say of their traces."""

    @contextmanager
    def submission(self, technology: str, task_id: str, given: str) -> Iterator[str]:  # noqa: ARG002  # they are for spans
        """Around the submission of a task; yields the `traceparent` for its record."""
        yield given

    def attempted(self, record: TaskRecord, began_ns: int, watch: Stopwatch, outcome: str) -> None:
        """An attempt that began so many nanoseconds after 1970 UTC is over."""

    def close(self) -> None:
        """Sends what is left, for some seconds at most."""


def opened(endpoint: str | None, process: str) -> Tracing:
    """Spans of `process` for the OTLP receiver at `endpoint`, None for none. Raises ConfigurationError where the extra
    is not installed."""
    if endpoint is None:
        return Tracing()
    try:
        from tasks.spans import Spans  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"VOICEPRINT_OTEL_ENDPOINT is set, and its packages are not there ({error}): "
            "pip install 'voiceprint-appliance[otel]'"
        ) from error
    return Spans(endpoint, process)
