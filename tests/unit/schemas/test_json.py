"""One encoder for every number that leaves as text."""

import json as standard
import re

import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis.extra import numpy as arrays

from schemas import json
from tests.unit.schemas.sample_voiceprints import PROPERTY

FINITE = strategies.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = arrays.arrays(np.float32, strategies.integers(0, 50), elements=FINITE)


def significant(text: str) -> str:
    """A number's digits without sign, point, exponent and the zeros around them."""
    return re.sub(r"[.\-]", "", text.lower().partition("e")[0]).strip("0")


@PROPERTY
@given(VECTORS)
def test_a_vector_reads_back_to_the_bit(vector: np.ndarray) -> None:
    """Any JSON reader that rounds to float32 has the very values again."""
    read = np.array(standard.loads(json.encode(vector)), np.float32)
    assert read.tobytes() == vector.tobytes()


@PROPERTY
@given(FINITE)
def test_a_float32_is_as_short_as_can_be(value: float) -> None:
    """No number has more digits than are needed to tell it from its neighbours in float32."""
    text = json.encode(np.array([value], np.float32))[1:-1].decode()
    assert len(significant(text)) == len(significant(np.format_float_scientific(np.float32(value), unique=True)))


def test_a_tenth_is_a_tenth() -> None:
    """A float32 is not written with the digits of the double that it is nearest to."""
    assert json.encode(np.array([0.1, -2.5, 0], np.float32)) == b"[0.1,-2.5,0.0]"


def test_text_is_utf8_and_order_is_kept() -> None:
    """Keys stay in the order they were given, and letters are not escaped."""
    assert json.encode({"b": "ž", "a": None}) == '{"b":"ž","a":null}'.encode()


def test_people_can_have_it_indented() -> None:
    """With `indent`, the same values over several lines."""
    assert json.encode({"a": [1]}, indent=True) == b'{\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize("value", [b"bytes", object(), {1: 2}, 1j])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    """Nothing is turned into text that merely looks like it."""
    with pytest.raises(TypeError):
        json.encode(value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_another_encoding_is_named(encoding: str) -> None:
    """As what it is: bytes that are not UTF-8."""
    with pytest.raises(ValueError, match=r"^the bytes are not UTF-8: line 1 column 1"):
        json.decode('{"name": "\xe9"}'.encode(encoding))


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"[1,]", b"\xff", b'{"a":1} x', "\ud800"])
def test_what_is_not_json_is_refused(text: bytes | str) -> None:
    """One error, a ValueError, for every text that is not JSON."""
    with pytest.raises(ValueError, match=r"\S"):
        json.decode(text)
