"""Certificates that are renewed while the appliance runs."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from schemas.errors import ConfigurationError

log = logging.getLogger(__name__)

_Made = TypeVar("_Made")
_Signature = tuple[tuple[int, int, int] | None, ...]


class Renewed(Generic[_Made]):
    """What `make` makes of files, made anew when one of them is another. Until all of them fit together again, which
    takes a moment while they are replaced one by one, what was made before is kept."""

    def __init__(self, files: Sequence[Path], make: Callable[[], _Made]) -> None:
        """Raises what `make` raises, a ConfigurationError."""
        self._files, self._make = files, make
        self._seen = _signature(files)
        self.made = make()

    def changed(self) -> bool:
        """Whether something else is made from now on. Looks at the files, and reads them only where they changed."""
        signature = _signature(self._files)
        if signature == self._seen:
            return False
        self._seen = signature
        try:
            self.made = self._make()
        except ConfigurationError as error:
            log.error("the certificate from before is kept: %s", error.message)
            return False
        log.info("%s was read anew", self._files[0])
        return True


def _signature(files: Sequence[Path]) -> _Signature:
    return tuple(map(_of_one, files))


def _of_one(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # for every handshake
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
