"""The voiceprints of a request: read in order, what cannot be used named by its list and index."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from onnx_models.passage import Stopped
from onnx_models.registry import SpeakerCard
from onnx_models.scoring import Vectors
from schemas import voiceprint
from schemas.errors import (
    Detail,
    TaskValidationError,
    VoiceprintError,
    VoiceprintMalformed,
    VoiceprintSpaceMismatch,
    VoiceprintWrongMagic,
)
from schemas.signatures import Signatures
from schemas.voiceprint import Voiceprint
from tasks import foreign

# Items between two looks at `stop`.
_BLOCK = 1024
_NAMED = 10


def read(
    texts: Sequence[str], name: str, faults: list[Detail], stop: Callable[[], bool], signatures: Signatures
) -> dict[int, Voiceprint]:
    """Those of the body's list `name` that can be read, by index; the others are added to `faults`. Raises Stopped."""
    found = {}
    for index, text in enumerate(texts):
        if index % _BLOCK == 0 and stop():
            raise Stopped("the reading of voiceprints was stopped")
        try:
            found[index] = _decoded(voiceprint.from_base64(text), signatures)
        except VoiceprintError as error:
            faults.append(error.at("body", name, index))
    return found


def _decoded(container: bytes, signatures: Signatures) -> Voiceprint:
    try:
        return signatures.decode(container)
    except VoiceprintWrongMagic as error:
        raise foreign.refusal(container) from error


def require_space(found: Mapping[int, Voiceprint], name: str, space: str, faults: list[Detail]) -> None:
    """Adds those of the list `name` that are of another embedding space than `space` to `faults`."""
    for index, one in found.items():
        if one.space != space:
            error = VoiceprintSpaceMismatch(
                f"the voiceprint is of the embedding space {one.space} (model {one.model}), the others are of {space}"
            )
            faults.append(error.at("body", name, index))


def require_dimension(found: Mapping[int, Voiceprint], name: str, card: SpeakerCard, faults: list[Detail]) -> None:
    """Adds those of the list `name` that have another number of values than the model to `faults`."""
    for index, one in found.items():
        if one.dimension != card.dimension:
            error = VoiceprintMalformed(f"the vector has {one.dimension} values, those of {card.name} {card.dimension}")
            faults.append(error.at("body", name, index))


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


def vectors(found: Mapping[int, Voiceprint]) -> Vectors:
    """Their vectors, shape (n, dimension), in order."""
    stacked: Vectors = np.stack([one.vector for one in found.values()])
    return stacked
