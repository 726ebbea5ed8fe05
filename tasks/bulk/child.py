"""`python -m tasks.bulk.child`: does the parts whose numbers come in on standard input, a line each, and tells of them
in lines of JSON.

The first line names the output, in which the plan lies, and what there is to work with. Nothing that comes in is run.
"""

import signal
import sys
import time
from dataclasses import asdict

from schemas import arrow, json
from schemas.errors import ApplianceError
from tasks.bulk import places
from tasks.bulk.means import Means
from tasks.bulk.part import work
from tasks.bulk.plan import MANIFEST, Plan
from tasks.memory import collect_seldom, keep_freed

_TELL_SECONDS = 0.2


def main() -> None:
    """Ends with its input, or where nobody reads its output any more."""
    # The parent is interrupted as well, and ends what it started.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed()
    collect_seldom()
    told = json.decode(sys.stdin.buffer.readline())
    folder = places.folder(told["output"])
    plan = Plan.decode(folder.read(MANIFEST) or b"")
    means = Means(**told["means"])
    # One process for each core: more threads than that take turns.
    arrow.pyarrow().set_cpu_count(1)
    for line in sys.stdin.buffer:
        part = int(line)
        try:
            record = work(plan, part, folder, means, _Telling(part))
        except (ApplianceError, OSError) as error:
            _say({"part": part, "fault": str(error)})
        else:
            _say({"part": part, "rows": record.rows, "record": asdict(record)})


class _Telling:
    """Tells how far a part is, as often as somebody may look."""

    def __init__(self, part: int) -> None:
        self._part, self._told = part, 0.0

    def __call__(self, rows: int) -> None:
        if (now := time.monotonic()) > self._told + _TELL_SECONDS:
            self._told = now
            _say({"part": self._part, "rows": rows})


def _say(told: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
