"""The vectors in the voiceprints of a request, those of other systems among them: read in order, what cannot be used
named by its list and index."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter

from onnx_models.passage import Stopped
from onnx_models.scoring import Vectors
from schemas.cells import Column, Found, Reader, Unusable
from schemas.documents import Run
from schemas.errors import (
    Detail,
    VoiceprintError,
    VoiceprintNotFinite,
    VoiceprintNotSigned,
    VoiceprintSpaceMismatch,
    VoiceprintWrongMagic,
)
from schemas.signatures import Signatures
from schemas.voiceprint import from_base64
from schemas.voiceprint_columns import told_apart
from tasks import foreign
from tasks.voiceprints import Numbers

_NOT_FINITE = VoiceprintNotFinite("NaN or infinity is among its numbers")


def each(
    items: Iterable[str | Run],
    name: str,
    faults: list[Detail],
    stop: Callable[[], bool],
    signatures: Signatures,
    *,
    raw: str | None = None,
) -> Iterator[Vectors]:
    """Those of the body's list `name` in order, some at a time: shape (n, dimension), zeros without speech.

    All must be of the embedding space of the first. Those of other systems tell none: they have one number of values,
    and none of ours is among them. What cannot be used is added to `faults`, and from then on nothing is given. `raw`
    is `<f4` or `<f2` where bare numbers are taken. Raises Stopped.
    """
    reader, start = Reader(signatures, raw), 0
    first: Found | None = None
    for item in items:
        if stop():
            raise Stopped("the reading of voiceprints was stopped")
        column = Column.cut(item.read(), item.sizes) if isinstance(item, Run) else Column.of([_content(item)])
        found: list[Found] = []
        for one in reader.read_contents(column):
            if isinstance(one, Unusable):
                _refuse(faults, name, start, [one.place], _named(one, column))
            elif one.space is None and signatures.required:
                _refuse(faults, name, start, one.places, not_signed())
            else:
                found.append(one)
        first = first or min(found, key=_place, default=None)
        for one in found:
            if first is not None and _kind(one) != _kind(first):
                _refuse(faults, name, start, one.places, _mismatch(one, first))
            elif one.space is None:
                finite, _ = told_apart(one.vectors)
                _refuse(faults, name, start, one.places[~finite], _NOT_FINITE)
        if not faults:
            yield from _in_order(found)
        start += len(column)


def not_signed() -> VoiceprintNotSigned:
    """Of what was made by another system, where only what is signed is taken."""
    return VoiceprintNotSigned(
        "it was made by another system and is not signed, and only voiceprints are taken here that this appliance has "
        "signed"
    )


def _content(text: str) -> bytes:
    """What stands in Base64. A list of decimals stands there as it is; what is neither is named by whoever reads it."""
    try:
        return from_base64(text)
    except VoiceprintError:
        return text.encode(errors="surrogatepass")


def _named(unusable: Unusable, column: Column) -> VoiceprintError:
    """What is wrong with it; where it is no voiceprint at all, what it looks like."""
    if isinstance(unusable.error, VoiceprintWrongMagic):
        return foreign.refusal(column.cell(unusable.place))
    return unusable.error


def _refuse(
    faults: list[Detail], name: str, start: int, places: Numbers | Sequence[int], error: VoiceprintError
) -> None:
    faults += [error.at("body", name, start + int(place)) for place in places]


def _place(found: Found) -> int:
    return int(found.places[0])


def _kind(found: Found) -> str | int:
    """What all have in common that may be in one request."""
    return found.vectors.shape[1] if found.space is None else found.space


def _mismatch(one: Found, first: Found) -> VoiceprintSpaceMismatch:
    told = f"is of the embedding space {one.space} (model {one.model})"
    others = f"are of {first.space}"
    if one.space is None:
        told = f"does not tell its embedding space and has {_kind(one)} values"
    if first.space is None:
        others = f"do not tell theirs and have {_kind(first)} values"
    return VoiceprintSpaceMismatch(f"the voiceprint {told}, the others {others}")


def _in_order(found: Sequence[Found]) -> Iterator[Vectors]:
    if len(found) == 1:
        yield found[0].vectors
        return
    rows = ((place, one.vectors[[row]]) for one in found for row, place in enumerate(one.places.tolist()))
    for _, vector in sorted(rows, key=itemgetter(0)):
        yield vector
