"""A worker whose jobs kill their process on certain media.

    python -m tests.faults.killing_worker worker --name NAME SHA256...

What a fault of a native library would do to a worker, whatever it is meant to do with the task: nothing of the product
is asked, nothing is cleaned up.
"""

import os
import signal
import sys
from collections.abc import Callable, Set
from typing import cast

from appliance.commands.run import worker_config
from appliance.settings import load
from tasks.jobs import Job, Work, jobs
from tasks.worker import run


def killed_by(media: Set[str], job: Job) -> Callable[[Work], bytes]:
    """`job`, which kills its process when its media has one of these SHA-256."""

    def attempt(work: Work) -> bytes:
        if work.input_sha256.hex() in media:
            os.kill(os.getpid(), signal.SIGKILL)
        return job(work)

    return attempt


if __name__ == "__main__":
    found = cast("dict[str, Job]", jobs())
    for name, job in found.items():
        found[name] = killed_by(set(sys.argv[4:]), job)
    run(worker_config(load(), sys.argv[3]))
