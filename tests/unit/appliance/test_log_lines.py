"""Lines of the log: one for each record, and none that a stranger wrote."""

import json
import logging
import re
import sys
from datetime import datetime

from appliance.json_lines import formatter
from appliance.log_lines import LogLines
from schemas.correlation import about

LINE = re.compile(r"\d{4}-\d\d-\d\d ")
FORGED = "a name\n2026-01-01 00:00:00,000 INFO tasks.worker: forged\x1b[8m"


def lines(*, raised: Exception | None = None, stack: str | None = None) -> list[str]:
    fault = None
    if raised is not None:
        try:
            raise raised
        except type(raised):
            fault = sys.exc_info()
    record = logging.LogRecord("tasks.worker", logging.ERROR, __file__, 1, "task %s", (FORGED,), fault, sinfo=stack)
    return LogLines().format(record).splitlines()


def test_a_record_is_one_line() -> None:
    """Whatever stands in what it tells."""
    (line,) = lines()
    assert LINE.match(line)
    assert line.isprintable()


def test_a_stack_trace_is_set_in() -> None:
    """It can be read, and the words of its exception are no line of ours."""
    for found in (lines(raised=ValueError(FORGED)), lines(stack=FORGED)):
        assert [bool(LINE.match(line)) for line in found] == [True] + [False] * (len(found) - 1)
        assert all(line.startswith("    ") and line.isprintable() for line in found[1:])
    assert "    Traceback (most recent call last):" in lines(raised=ValueError(FORGED))


def test_a_record_is_one_object_of_json() -> None:
    """On one line of printable characters, with what it is about and the fault, whatever stands in them."""
    found = json_lines(raised=ValueError(FORGED + "\u2028\x85\x7f\udcff\U000e0001"))
    (line,) = found
    assert line.isprintable()
    told = json.loads(line)
    exception = told.pop("exception")
    assert datetime.fromisoformat(told.pop("timestamp")).tzinfo
    assert told == {
        "level": "error",
        "logger": "tasks.worker",
        "event": f"task {FORGED}",
        "process": "worker one",
        "task_id": "two",
        "trace_id": FORGED,
    }
    assert "Traceback (most recent call last):" in exception
    assert "forged" in exception


def json_lines(*, raised: Exception) -> list[str]:
    try:
        raise raised
    except type(raised):
        fault = sys.exc_info()
    record = logging.LogRecord("tasks.worker", logging.ERROR, __file__, 1, "task %s", (FORGED,), fault)
    with about(task_id="two", trace_id=FORGED):
        return formatter("worker one").format(record).splitlines()
