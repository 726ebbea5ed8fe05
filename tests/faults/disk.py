"""A disk of some megabytes that can be filled: a tmpfs in name spaces of the appliance's own, which needs no root."""

import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.faults.appliance import Appliance

_MEGABYTES = 64
_ALONE = ("unshare", "--user", "--map-root-user", "--mount")
_MOUNTED = f'mount -t tmpfs -o size={_MEGABYTES}m,mode=700 tmpfs "$0" && exec "$@"'
# What the last write of Redis finds: some of it fits.
_LEFT_BYTES = (0, 4096)


def can_be_mounted(folder: Path) -> bool:
    """Whether this host lets us: containers often do not."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return subprocess.run([*around(folder), "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def around(folder: Path) -> list[str]:
    """The words before a command for which `folder` is a small disk. It ends with the last process that sees it."""
    return [*_ALONE, "sh", "-c", _MOUNTED, str(folder)]


class Disk:
    """The small disk on which a running appliance keeps its data."""

    def __init__(self, appliance: Appliance) -> None:
        self._filler = appliance.data_within / "filler"

    def fill(self, left: int) -> None:
        """Takes all room but `left` bytes, in whole pages."""
        status = os.statvfs(self._filler.parent)
        taken = status.f_bavail * status.f_frsize - left
        # Others write meanwhile: what is not there any more cannot be taken.
        with self._filler.open("wb") as file, suppress(OSError):
            if taken > 0:
                os.posix_fallocate(file.fileno(), 0, taken)

    def relieve(self) -> None:
        self._filler.unlink(missing_ok=True)


def limit_redis(appliance: Appliance, random: Random) -> None:
    """Where nothing can be mounted: the append-only file may grow by some bytes, and Redis dies in the write after."""
    for redis in appliance.children("redis"):
        size = max(path.stat().st_size for path in (appliance.data / "redis").rglob("*.aof"))
        resource.prlimit(
            redis.pid, resource.RLIMIT_FSIZE, (size + random.randint(*_LEFT_BYTES), resource.RLIM_INFINITY)
        )
