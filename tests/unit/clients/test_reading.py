"""How the Python client reads answers."""

from array import array
from dataclasses import dataclass

import msgpack
import numpy as np
import pytest

from voiceprint_client import results
from voiceprint_client.reading import MSGPACK, read, tree, vector
from voiceprint_client.wire import Answer


@dataclass(frozen=True)
class Leaf:
    length: float
    name: str = "none"


@dataclass(frozen=True)
class Branch:
    leaves: tuple[Leaf, ...]
    best: Leaf | None


def test_a_later_appliance_may_say_more() -> None:
    """Keys that are not known are left out, and those with a default may be absent."""
    assert read(Branch, {"leaves": [{"length": 1, "colour": "red"}], "best": None, "age": 3}) == Branch(
        (Leaf(1),), None
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"leaves": []}, "best is missing"),
        ({"leaves": [{"length": "1"}], "best": None}, "leaves: length: str where"),
        ({"leaves": {}, "best": None}, "leaves: dict where"),
        ([], "list where"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(found: object, told: str) -> None:
    """The place of the fault is told."""
    with pytest.raises(ValueError, match=told):
        read(Branch, found)


@pytest.mark.parametrize("packed", [True, False])
def test_a_vector_is_exact(packed: bool) -> None:
    """Four bytes and shortest decimals both become the float32 that was meant, and numpy sees the same memory."""
    numbers = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    found = vector(numbers.tobytes() if packed else [float(str(number)) for number in numbers])
    assert found.typecode == "f"
    assert np.asarray(found).dtype == np.float32
    assert np.array_equal(np.asarray(found), numbers)


@pytest.mark.parametrize("found", ["text", ["text"], None, b"123"])
def test_what_is_no_vector_is_told(found: object) -> None:
    """Anything but numbers is a ValueError."""
    with pytest.raises(ValueError, match=r"numbers|bytes"):
        vector(found)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x81", msgpack.packb(1) + b"1", b"\x91" * 5000])
def test_msgpack_that_is_none_is_told(content: bytes) -> None:
    """Broken msgpack is a ValueError, whatever is wrong with it."""
    with pytest.raises(ValueError, match=r"."):
        tree(content, MSGPACK)


def test_scores_are_named_by_their_sides() -> None:
    """Rows are of b and columns of a, and what is in neither is no score."""
    scores = results.ScoreMatrix(columns_count=2, rows_count=3, values=array("f", range(6)))
    assert scores.of(a=1, b=2) == 5
    assert scores.of() == 0
    with pytest.raises(IndexError):
        scores.of(a=2, b=0)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("3", 3.0), ("", None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("-1", None)],
)
def test_when_to_come_again(said: str, meant: float | None) -> None:
    """Seconds and dates are understood; a date that has passed means now."""
    assert Answer(503, {"retry-after": said}, b"").retry_after == meant
