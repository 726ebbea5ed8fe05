"""The share of a time in which a GPU did nothing, as its driver counts it."""

import shutil
import statistics
import subprocess
from types import TracebackType
from typing import Self

_QUERY = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=100", "--id=0")


class Idle:
    """Asks nvidia-smi for the block; None is its answer on a machine without."""

    share: float | None = None

    def __enter__(self) -> Self:
        program = shutil.which("nvidia-smi")
        self._asking = program and subprocess.Popen([program, *_QUERY], stdout=subprocess.PIPE, text=True)  # noqa: S603
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._asking:
            return
        self._asking.terminate()
        said, _ = self._asking.communicate()
        busy = [int(line) for line in said.split() if line.isdigit()]
        self.share = round(1 - statistics.fmean(busy) / 100, 3) if busy else None
