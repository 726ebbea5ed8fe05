"""Containers of one length, many at a time: those that are laid out alike are read together, the others one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.errors import VoiceprintError
from schemas.signatures import Signatures
from schemas.voiceprint_columns import Layout, Voiceprints

# How many layouts of one length are looked for. Voiceprints of one model have one; whoever sends many has them read one
# by one.
_LAYOUTS = 4
# Of how many lengths they are remembered, each by a container.
_LENGTHS = 16

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Read:
    """Voiceprints of one model and where each stands in its block; `places` has shape (n,) and ascends."""

    places: Places
    voiceprints: Voiceprints


@dataclass(frozen=True, slots=True)
class Refused:
    """A container that cannot be used, and where it stands in its block."""

    place: int
    container: bytes
    error: VoiceprintError


class Blocks:
    """Reads block after block, and remembers what the containers in them are laid out like."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._layouts: dict[int, list[Layout]] = {}

    def read(self, containers: npt.NDArray[np.uint8]) -> Iterator[Read | Refused]:
        """All of `containers`, shape (n, size)."""
        layouts = self._layouts.setdefault(containers.shape[1], [])
        if len(self._layouts) > _LENGTHS:
            del self._layouts[next(iter(self._layouts))]
        left = np.arange(len(containers))
        for layout in layouts:
            taken, voiceprints = layout.read(containers if len(left) == len(containers) else containers[left])
            if taken.any():
                yield Read(left[taken], voiceprints)
                left = left[~taken]
            if not len(left):
                return
        at = 0
        while at < len(left):
            container = containers[left[at]].tobytes()
            try:
                one = self._signatures.decode(container)
            except VoiceprintError as error:
                yield Refused(int(left[at]), container, error)
                at += 1
                continue
            new = None
            if len(layouts) < _LAYOUTS:
                new = Layout.of(container, one, self._signatures.key(container))
            if new is None:
                yield Read(left[at : at + 1], Voiceprints.of(one))
                at += 1
                continue
            layouts.append(new)
            taken, voiceprints = new.read(containers[left[at:]])
            yield Read(left[at:][taken], voiceprints)
            left, at = left[at:][~taken], 0
