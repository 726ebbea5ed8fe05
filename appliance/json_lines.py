"""The log as JSON, one object on a line, for what gathers logs; made with structlog."""

import json
import logging
from typing import Any

from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, WrappedLogger

from schemas.correlation import ids


def formatter(process: str) -> logging.Formatter:
    """Of records that `process` tells: `timestamp`, `level`, `logger`, `event`, `process`, what they are about, and
    `exception` where there is one. Whatever is told stays within its own string."""

    def told(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"process": process, **ids(), **event}

    return ProcessorFormatter(
        foreign_pre_chain=[add_log_level, add_logger_name, TimeStamper(fmt="iso", utc=True), told],
        processors=[ProcessorFormatter.remove_processors_meta, format_exc_info, JSONRenderer(serializer=_serialized)],
    )


def _serialized(event: EventDict, **_: Any) -> str:
    # Not the encoder of all other JSON: this one escapes whatever is not ASCII, and so what would end a line elsewhere.
    return json.dumps(event, default=str).replace("\x7f", "\\u007f")
