"""The log: a line for every record, whatever is told in it."""

import logging
import traceback
from types import TracebackType
from typing import Literal, TypeAlias

from schemas.correlation import ids
from schemas.printable import printable

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_INDENT = "    "
# Other ids stand in the words where they are of use.
_TRACE = "trace_id"

_Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def begin(level: str, form: Literal["console", "json"] = "console", process: str = "") -> None:
    """From here on this `process` logs what is of `level` or above, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_json(process) if form == "json" else LogLines())
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _json(process: str) -> logging.Formatter:
    # Its library brings more along than all the rest of a process needs: not for those that read the console.
    from appliance.json_lines import formatter  # noqa: PLC0415

    return formatter(process)


class LogLines(logging.Formatter):
    """What is told may hold anything, and stays on its line. Stack traces stand below theirs, set in: nothing in an
    exception's words can be taken for a line of its own."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        about = ids().get(_TRACE)
        return printable(super().formatMessage(record) + (f" trace {about}" if about else ""))

    def formatException(self, ei: _Raised) -> str:  # noqa: N802  # the library's name
        return _set_in("".join(traceback.format_exception(*ei)))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  # the library's name
        return _set_in(stack_info)


def _set_in(trace: str) -> str:
    return "\n".join(_INDENT + printable(line) for line in trace.splitlines())
