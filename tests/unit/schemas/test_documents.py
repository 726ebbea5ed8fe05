"""Documents read in pieces are what they would be at once."""

import base64
import io
import json
import random
from typing import Any

import pytest
from hypothesis import given, strategies

from schemas.documents import Outline, load, sound
from tests.unit.schemas.sample_voiceprints import PROPERTY

LONG = base64.b64encode(bytes(range(240))).decode()
TEXTS = [
    LONG,
    LONG[:-4] + "AA==",
    LONG + "A",
    "x" * 70,
    "AAAA",
    "",
    "é" * 50,
    'a"b' + LONG,
    LONG + '"',
    "\\" + LONG,
    "#0",
]

texts = strategies.sampled_from(TEXTS)
documents = strategies.dictionaries(
    strategies.sampled_from(["voiceprints", "voiceprints_a", "model", LONG, 'a"', "b\\"]),
    strategies.recursive(
        texts | strategies.none() | strategies.integers() | strategies.floats(allow_nan=False),
        lambda inner: strategies.lists(inner, max_size=9) | strategies.dictionaries(texts, inner, max_size=4),
        max_leaves=30,
    ),
    max_size=4,
)
indents = strategies.sampled_from([None, 0, 2])
sizes = strategies.integers(1, 5000)


def outlined(text: bytes, size: int) -> bytes:
    outline = Outline(sound)
    for start in range(0, len(text), size):
        outline.add(text[start : start + size])
        outline._look()  # as if much had come
    return outline.end()


def replaced(value: Any) -> Any:
    """As the outline has it: sound long items of lists are four characters."""
    if isinstance(value, dict):
        return {name: replaced(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return ["AAAA" if one in TEXTS[:2] else replaced(one) for one in value]
    return value


@PROPERTY
@given(documents, indents, sizes)
def test_the_outline_has_the_shape_of_the_document(document: dict[str, Any], indent: int | None, size: int) -> None:
    """Only long items of lists that are Base64 are others, however the document comes."""
    assert json.loads(outlined(json.dumps(document, indent=indent).encode(), size)) == replaced(document)


@PROPERTY
@given(strategies.lists(strategies.sampled_from([LONG, TEXTS[1], "AAAA", ""])), indents, strategies.text())
def test_a_document_is_loaded_whole(voiceprints: list[str], indent: int | None, more: str) -> None:
    """Texts are theirs, the long ones as bytes, and what else is there stays."""
    document = {"more": more, "voiceprints": voiceprints, "model": LONG, "again": [LONG]}
    found = load(io.BytesIO(json.dumps(document, indent=indent).encode()))
    assert [text if isinstance(text, str) else text.decode() for text in found["voiceprints"]] == voiceprints
    assert (found["more"], found["model"], found["again"]) == (more, LONG, [LONG.encode()])


@pytest.mark.parametrize("size", [1000, 100_000, 10_000_000])
def test_long_lists_in_order(size: int) -> None:
    """Thousands of texts that come in pieces of any size keep their places."""
    chance = random.Random(0)  # noqa: S311  # a seed, so that a failure repeats
    voiceprints = [base64.b64encode(chance.randbytes(600)).decode() for _ in range(3000)]
    text = json.dumps({"voiceprints": voiceprints}).encode()
    assert [one.decode() for one in load(io.BytesIO(text))["voiceprints"]] == voiceprints
    assert json.loads(outlined(text, size)) == {"voiceprints": ["AAAA"] * 3000}


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    """Long texts of the first are not taken for those of the second."""
    text = b'{"voiceprints":["%s"],"voiceprints":["%s"]}' % (LONG.encode(), TEXTS[1].encode())
    assert load(io.BytesIO(text)) == {"voiceprints": [TEXTS[1].encode()]}


@pytest.mark.parametrize(
    "text",
    [
        b'{"voiceprints":["%s""%s"]}',
        b'{"voiceprints":["%s",%s]}',
        b'{"voiceprints":["%s","%s',
        b'{"voiceprints":["%s","%s"',
        b'["%s","%s"]]',
        b'{"a":["%s"]"%s"}',
    ],
)
def test_what_is_no_json_stays_none(text: bytes) -> None:
    """Nothing is mended by leaving long texts out."""
    with pytest.raises(ValueError, match="line"):
        json.loads(outlined(text % (LONG.encode(), LONG.encode()), 100))


def test_texts_of_any_length_are_held_for_a_while_only() -> None:
    """One text that never ends is passed on as it comes."""
    outline = Outline(sound)
    for _ in range(64):
        outline.add(b'["' + b"A" * (1 << 16))
    assert outline.size > 1 << 21
    assert outline.end() == (b'["' + b"A" * (1 << 16)) * 64
