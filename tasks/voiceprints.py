"""The voiceprints of a request: read in order, what cannot be used named by its list and index."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from onnx_models.passage import Stopped
from onnx_models.registry import SpeakerCard
from onnx_models.scoring import Vectors
from schemas import voiceprint
from schemas.documents import Run
from schemas.errors import (
    Detail,
    TaskValidationError,
    VoiceprintError,
    VoiceprintMalformed,
    VoiceprintSpaceMismatch,
    VoiceprintWrongMagic,
)
from schemas.signatures import Signatures
from schemas.voiceprint_blocks import Blocks, Refused
from schemas.voiceprint_columns import Voiceprints
from tasks import foreign

_NAMED = 10

Numbers = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Found:
    """Voiceprints of one model and where each stands in its list; `indices` has shape (n,) and ascends."""

    indices: Numbers
    voiceprints: Voiceprints


def read(
    items: Iterable[str | Run], name: str, faults: list[Detail], stop: Callable[[], bool], signatures: Signatures
) -> list[Found]:
    """Those of the body's list `name` that can be read; the others are added to `faults`. Raises Stopped."""
    return [one for found in each(items, name, faults, stop, signatures) for one in found]


def each(
    items: Iterable[str | Run], name: str, faults: list[Detail], stop: Callable[[], bool], signatures: Signatures
) -> Iterator[list[Found]]:
    """The same for one item of the list after the other."""
    reader = _Reader(name, faults, signatures)
    start = 0
    for item in items:
        if stop():
            raise Stopped("the reading of voiceprints was stopped")
        if isinstance(item, Run):
            yield list(reader.of_run(item, start))
            start += len(item)
        else:
            yield list(reader.of_text(item, start))
            start += 1


class _Reader:
    """Reads a list piece by piece."""

    def __init__(self, name: str, faults: list[Detail], signatures: Signatures) -> None:
        self._name, self._faults, self._signatures = name, faults, signatures
        self._blocks = Blocks(signatures)

    def of_run(self, run: Run, start: int) -> Iterator[Found]:
        """Those of `run` that can be read, of which the first has the index `start`."""
        containers, sizes, indices = run.read(), run.sizes, np.arange(start, start + len(run))
        if (sizes == sizes[0]).all():
            yield from self._together(containers, indices)
            return
        ends = np.cumsum(sizes, dtype=np.intp)
        for size in np.unique(sizes).tolist():
            alike = sizes == size
            some = b"".join([containers[end - size : end] for end in ends[alike].tolist()])
            yield from self._together(some, indices[alike])

    def of_text(self, text: str, index: int) -> Iterator[Found]:
        """That of one text, if it can be read."""
        container = b""
        try:
            container = voiceprint.from_base64(text)
            one = self._signatures.decode(container)
        except VoiceprintError as error:
            self._fault(error, container, index)
        else:
            yield Found(np.array([index]), Voiceprints.of(one))

    def _together(self, containers: bytes, indices: Numbers) -> Iterator[Found]:
        """Of containers of one length in a row, whose indices are given."""
        for found in self._blocks.read(np.frombuffer(containers, np.uint8).reshape(len(indices), -1)):
            if isinstance(found, Refused):
                self._fault(found.error, found.container, int(indices[found.place]))
            else:
                yield Found(indices[found.places], found.voiceprints)

    def _fault(self, error: VoiceprintError, container: bytes, index: int) -> None:
        if isinstance(error, VoiceprintWrongMagic):
            error = foreign.refusal(container)
        self._faults.append(error.at("body", self._name, index))


def in_order(found: Sequence[Found]) -> list[Voiceprints]:
    """All that was found in the order of the list."""
    ends = [(int(one.indices[0]), int(one.indices[-1])) for one in found]
    if all(before[1] < after[0] for before, after in pairwise(ends)):
        return [one.voiceprints for one in found]
    single = [
        (int(index), one.voiceprints.part(slice(place, place + 1)))
        for one in found
        for place, index in enumerate(one.indices)
    ]
    return [one for _, one in sorted(single, key=lambda placed: placed[0])]


def first(found: Iterable[Found]) -> Voiceprints:
    """The voiceprints to which the first in the list belongs."""
    return min(found, key=lambda one: int(one.indices[0])).voiceprints


def require_space(found: Iterable[Found], name: str, space: str, faults: list[Detail]) -> None:
    """Adds those of the list `name` that are of another embedding space than `space` to `faults`."""
    for one in found:
        if one.voiceprints.space != space:
            error = VoiceprintSpaceMismatch(
                f"the voiceprint is of the embedding space {one.voiceprints.space} (model {one.voiceprints.model}), "
                f"the others are of {space}"
            )
            faults += [error.at("body", name, int(index)) for index in one.indices]


def require_dimension(found: Iterable[Found], name: str, card: SpeakerCard, faults: list[Detail]) -> None:
    """Adds those of the list `name` that have another number of values than the model to `faults`."""
    for one in found:
        dimension = one.voiceprints.dimension
        if dimension != card.dimension:
            error = VoiceprintMalformed(f"the vector has {dimension} values, those of {card.name} {card.dimension}")
            faults += [error.at("body", name, int(index)) for index in one.indices]


def refuse(faults: Sequence[Detail]) -> None:
    """Raises the TaskValidationError that names all `faults`, if there are any.

    They are named by list in the order of the body, side a before side b, then by index. It is a
    VoiceprintSpaceMismatch when nothing else is wrong.
    """
    if not faults:
        return
    faults = sorted(faults, key=_place)
    shown = [".".join(map(str, fault.location[1:])) for fault in faults[:_NAMED]]
    named = ", ".join(shown) + (", …" if len(faults) > _NAMED else "")
    if all(fault.type == VoiceprintSpaceMismatch.kind for fault in faults):
        raise VoiceprintSpaceMismatch(
            f"vectors of different embedding spaces have nothing to do with each other: {named}: {faults[0].message}",
            faults,
        )
    raise TaskValidationError(f"voiceprints that cannot be used, by their index from 0: {named}", faults)


def _place(fault: Detail) -> tuple[str, int]:
    _, name, index = fault.location
    return str(name).rpartition("_")[2], int(index)


def vectors(found: Sequence[Found]) -> Vectors:
    """Their vectors in order, all of one dimension: shape (n, dimension)."""
    stacked: Vectors = np.concatenate([one.vectors for one in in_order(found)])
    return stacked


def speech_lengths(found: Sequence[Found]) -> npt.NDArray[np.float64]:
    """Their seconds of net speech in order, shape (n,)."""
    return np.concatenate([one.speech_lengths for one in in_order(found)])
