"""A time of day that the suite can set, for a whole appliance: a library that is loaded before all others."""

import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


def compiler() -> str | None:
    """A C compiler of this machine."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


class Clock:
    """The clock of whoever runs with `variables`. Only the time of day: what merely counts on is the system's own."""

    def __init__(self, folder: Path, cc: str) -> None:
        library, self._file = folder / "clock.so", folder / "clock"
        subprocess.run([cc, "-shared", "-fPIC", "-O2", "-o", library, _SOURCE], check=True)
        self._file.write_bytes(struct.pack("q", 0))
        self.variables = {"LD_PRELOAD": str(library), "FAULT_SUITE_CLOCK": str(self._file)}
        self.seconds = 0

    def step(self, seconds: int) -> None:
        """The clock goes forward, or back, at once."""
        self.seconds += seconds
        # In place: who has it in memory sees it at once.
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", self.seconds))
