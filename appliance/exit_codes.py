"""What the command line's exit codes mean."""

from enum import IntEnum


class ExitCode(IntEnum):
    DONE = 0
    FAULT = 1
    MISCONFIGURED = 2
    REFUSED = 3
    BELOW = 4
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        return {
            ExitCode.DONE: "success",
            ExitCode.FAULT: "a fault while running",
            ExitCode.MISCONFIGURED: "wrong usage, configuration or installation, to be put right first",
            ExitCode.REFUSED: "some of the inputs were refused, the others were worked on",
            ExitCode.BELOW: "the score is below the threshold that was asked for",
            ExitCode.INTERRUPTED: "interrupted",
        }[self]
