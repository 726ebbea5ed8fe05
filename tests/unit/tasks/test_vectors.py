"""The vectors of a request: ours and those of other systems, in order, with what cannot be used named by its index."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from onnx_models.passage import Stopped
from schemas.documents import Run
from schemas.errors import Detail
from schemas.keyring import KeyRing
from schemas.signatures import UNSIGNED, Signatures
from schemas.voiceprint import from_base64, to_base64
from tasks import vectors
from tests.unit.schemas.formats.sample_files import ubjson
from tests.unit.tasks.jobs.made_voiceprints import directions, silent, text

A = directions(4)
RING = KeyRing({1: b"1" * 32})
LEGACY = [to_base64(ubjson(A[0])), str([float(str(value)) for value in A[1]]), to_base64(ubjson(A[2]))]


def read(
    items: Sequence[str | Run], signatures: Signatures = UNSIGNED, **options: Any
) -> tuple[list[np.ndarray[Any, Any]], dict[str | int, tuple[str, str]]]:
    """The vectors one by one, and of each fault its kind and what is said, by its index."""
    faults: list[Detail] = []
    found = [
        vector
        for block in vectors.each(items, "voiceprints", faults, lambda: False, signatures, **options)
        for vector in block
    ]
    return found, {fault.location[2]: (fault.type, fault.message) for fault in faults}


def run(*texts: str) -> Run:
    """Those that the outline of a body leaves out, decoded."""
    return Run.of([from_base64(one) for one in texts])


def test_legacy_voiceprints_in_order() -> None:
    """Whether they stand in runs or one by one, of one length or of several."""
    for items in (LEGACY, [run(LEGACY[0]), LEGACY[1], run(LEGACY[2])]):
        found, faults = read(items)
        assert not faults
        np.testing.assert_array_equal(found, A[:3])


def test_ours_in_order() -> None:
    """Also where those of one run have several lengths and layouts."""
    given = [text(A[0]), text(A[1], model="ge2e-x"), silent(), text(A[2], merged=7), text(A[3])]
    found, faults = read([run(*given)])
    assert not faults
    np.testing.assert_array_equal(found, [A[0], A[1], np.zeros(256), A[2], A[3]])


@pytest.mark.parametrize("together", [False, True])
def test_ours_and_theirs_do_not_mix(together: bool) -> None:
    """The first tells what all must be; whatever is of another kind is named by its index, and nothing else is."""
    given = [text(A[0]), LEGACY[0], text(A[1]), to_base64(ubjson(A[0][:8]))]
    _, faults = read([run(*given)] if together else given)
    assert set(faults) == {1, 3}
    assert {kind for kind, _ in faults.values()} == {"voiceprint.space-mismatch"}
    assert faults[1][1].endswith("has 256 values, the others are of ge2e-2")
    _, faults = read([run(*given[::-1])] if together else given[::-1])
    assert set(faults) == {1, 2, 3}
    assert faults[1][1].endswith("(model ge2e), the others do not tell theirs and have 8 values")
    assert faults[2][1].endswith("has 256 values, the others do not tell theirs and have 8 values")


def test_theirs_are_not_signed() -> None:
    """With a key ring they are refused by name, and taken where what is not signed is accepted."""
    refusing, accepting = (Signatures.of(RING, unsigned) for unsigned in ("refuse", "accept"))
    ours = to_base64(refusing.signed(from_base64(text(A[3]))))
    _, faults = read([*LEGACY, ours], refusing)
    assert {index: kind for index, (kind, _) in faults.items()} == dict.fromkeys(range(3), "voiceprint.not-signed")
    found, faults = read(LEGACY, accepting)
    assert not faults
    np.testing.assert_array_equal(found, A[:3])


def test_what_is_wrong_with_theirs() -> None:
    """Each is named by what it is: cut off, not finite, no decimals, of Speech Engine 3, a recording."""
    bad = [
        to_base64(ubjson(A[0])[:-30]),
        to_base64(ubjson(np.array([1.0, np.nan] * 128, np.float32))),
        "[1, 2, NaN]",
        "[[1, 2]]",
        to_base64(b"VPT " + bytes(60)),
        to_base64(b"RIFF\x24\0\0\0WAVEfmt " + bytes(60)),
    ]
    _, faults = read([LEGACY[0], *bad])
    kinds = ["malformed", "not-finite", "malformed", "malformed", "wrong-magic", "wrong-magic"]
    assert [faults[index][0] for index in range(1, 7)] == [f"voiceprint.{kind}" for kind in kinds]
    assert "XL5" in faults[5][1]
    assert "WAV" in faults[6][1]


def test_bare_numbers() -> None:
    """They are vectors where they are asked for, and no voiceprints otherwise."""
    numbers = to_base64(struct.pack("<256f", *A[0]))
    found, faults = read([run(numbers), numbers], raw="<f4")
    assert not faults
    np.testing.assert_array_equal(found, [A[0], A[0]])
    assert [kind for kind, _ in read([numbers])[1].values()] == ["voiceprint.wrong-magic"]


def test_it_can_be_stopped() -> None:
    """Between two items."""
    with pytest.raises(Stopped):
        list(vectors.each(LEGACY, "voiceprints", [], lambda: True, UNSIGNED))
