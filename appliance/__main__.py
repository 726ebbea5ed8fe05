"""`python -m appliance`, the same as `voiceprint`; the supervisor starts its processes this way."""

import os
import resource
import signal
from types import FrameType

from appliance.exit_codes import ExitCode
from appliance.loading import loading


def main() -> None:
    """Runs the command line. Ctrl-C while it is imported ends the process without a stack trace."""
    # Keys, recordings and vectors are in memory. What this process starts has the same limit.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The supervisor has blocked it until here. Elsewhere a shell may have said that Ctrl-C is not meant for us.
    supervised = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    if supervised or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    with loading():
        from appliance.cli import main as run  # noqa: PLC0415

    run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    # Not by an exception: in the midst of an import it may come out as any other, or not at all.
    os._exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
