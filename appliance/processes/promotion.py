"""A pipe by which the supervisor tells a process that waits as a spare to take up its work."""

import os
import sys

from appliance.exit_codes import ExitCode


class Promotion:
    """The supervisor's side. `reading` is passed on to one process, and to no other."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def give(self) -> None:
        os.write(self._writing, b"\n")

    def close(self) -> None:
        # Of the reading end too only now: a process that has not begun yet needs it, and one that has died breaks no
        # pipe meanwhile.
        os.close(self.reading)
        os.close(self._writing)


def wait(pipe: int) -> None:
    """Returns with the promotion that comes through `pipe`. Raises SystemExit when the supervisor goes away instead."""
    promoted = os.read(pipe, 1)
    os.close(pipe)
    if not promoted:
        sys.exit(ExitCode.DONE)
