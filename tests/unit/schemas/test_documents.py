"""Documents read in pieces are what they would be at once."""

import base64
import io
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies

from schemas.documents import _MARK, Outline, Run, Sound, Writer, load
from tests.unit.schemas.sample_voiceprints import PROPERTY

LONG = base64.b64encode(bytes(range(240))).decode()
OTHER = base64.b64encode(bytes(range(99))).decode()
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
        texts
        | strategies.none()
        | strategies.integers(-(2**53), 2**53)
        | strategies.floats(allow_nan=False, allow_infinity=False),
        lambda inner: strategies.lists(inner, max_size=9) | strategies.dictionaries(texts, inner, max_size=4),
        max_leaves=30,
    ),
    max_size=4,
)
voiceprint_lists = strategies.lists(strategies.sampled_from([LONG, OTHER, TEXTS[1], "AAAA", ""]))
indents = strategies.sampled_from([None, 0, 2])
sizes = strategies.integers(1, 5000)
pieces = strategies.sampled_from([50, 700, 1 << 20])


@contextmanager
def looked_through(piece: int) -> Iterator[None]:
    """Documents are looked through so many bytes at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("schemas.documents._PIECE_BYTES", piece)
        yield


def stored(text: bytes, size: int = 1 << 20) -> tuple[bytes, Outline]:
    """A document as it is stored that comes in pieces of so many bytes, and its outline."""
    outline = Outline()
    writer = Writer(outline)
    pieces = [writer.add(text[start : start + size]) for start in range(0, len(text), size)]
    return b"".join((*pieces, writer.end())), outline


def outlined(text: bytes, size: int = 1 << 20) -> Any:
    outline = stored(text, size)[1]
    return outline.parsed(outline.text())


def texts_of(items: list[str | Run]) -> list[str]:
    """Those that the items of a list stand for."""
    found = []
    for item in items:
        if isinstance(item, str):
            found.append(item)
            continue
        data, ends = item.read(), np.cumsum(item.sizes).tolist()
        sizes = item.sizes.tolist()
        found += [base64.b64encode(data[end - size : end]).decode() for size, end in zip(sizes, ends, strict=True)]
    return found


def shape(value: Any) -> Any:
    """What a document or its outline is but for its long items. How many of them a list within a list has is left
    open: no technology takes any there."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        short = ["AAAA" if _is_long(one) else shape(one) for one in value]
        return [one for place, one in enumerate(short) if one != "AAAA" or short[place - 1 : place] != ["AAAA"]]
    return value


def _is_long(one: Any) -> bool:
    return isinstance(one, str) and (one in TEXTS[:2] or one.startswith(_MARK))


@PROPERTY
@given(documents, indents, sizes, pieces)
def test_the_outline_has_the_shape_of_the_document(
    document: dict[str, Any], indent: int | None, size: int, piece: int
) -> None:
    """Only long items of its lists that are Base64 are others, and its own lists have as many as before."""
    text = json.dumps(document, indent=indent).encode()
    with looked_through(piece):
        found = outlined(text, size)
    assert shape(found) == shape(document)
    for name, value in document.items():
        if isinstance(value, list):
            assert len(found[name]) == len(value)


@PROPERTY
@given(documents, indents, sizes, pieces)
def test_what_is_stored_depends_on_the_document_alone(
    document: dict[str, Any], indent: int | None, size: int, piece: int
) -> None:
    """However it comes, a client that sends it once more is known again."""
    text = json.dumps(document, indent=indent).encode()
    with looked_through(piece):
        assert stored(text, size)[0] == stored(text)[0]


@PROPERTY
@given(voiceprint_lists, indents, strategies.text(), pieces)
def test_a_document_is_loaded_whole(voiceprints: list[str], indent: int | None, more: str, piece: int) -> None:
    """As it was stored, and from the JSON that earlier versions stored, it is what it was."""
    document = {"more": more, "voiceprints": voiceprints, "model": LONG, "again": [LONG]}
    text = json.dumps(document, indent=indent).encode()
    with looked_through(piece):
        loaded = [load(io.BytesIO(form)) for form in (text, stored(text)[0])]
    for found in loaded:
        assert texts_of(found["voiceprints"]) == voiceprints
        assert (found["more"], found["model"], texts_of(found["again"])) == (more, LONG, [LONG])


@pytest.mark.parametrize("between", [",", ", ", ",\n  "])
@pytest.mark.parametrize("size", [1000, 100_000, 10_000_000])
def test_long_lists_in_order(size: int, between: str) -> None:
    """Thousands of texts that come in pieces of any size keep their places, and are few runs."""
    chance = random.Random(0)  # noqa: S311  # a seed, so that a failure repeats
    voiceprints = [base64.b64encode(chance.randbytes(900)).decode() for _ in range(4000)]
    text = b'{"voiceprints":["%s"]}' % f'"{between}"'.join(voiceprints).encode()
    form, _ = stored(text, size)
    assert len(form) < 0.8 * len(text)
    found = load(io.BytesIO(form))["voiceprints"]
    assert texts_of(found) == voiceprints
    assert len(found) < 10
    assert outlined(text, size) == {"voiceprints": ["AAAA"] * 4000}
    assert isinstance(outlined(text, size)["voiceprints"], Sound)


@pytest.mark.parametrize("place", [0, 1, 1500, 2999])
@pytest.mark.parametrize("bad", ["*", "=", "\\/", '\\"', "AA", "é"])
def test_one_text_that_is_no_base64(bad: str, place: int) -> None:
    """It stays in the outline as it is, at its place, where the check finds it."""
    voiceprints = [LONG] * 3000
    voiceprints[place] = LONG[:40] + bad + LONG[41:]
    text = b'{"voiceprints":["%s"]}' % '","'.join(voiceprints).encode()
    found = outlined(text)["voiceprints"]
    expected = json.loads(text)["voiceprints"]
    assert not isinstance(found, Sound)
    assert found == [one if number == place else "AAAA" for number, one in enumerate(expected)]


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    """Long texts of the first are not taken for those of the second."""
    text = b'{"voiceprints":["%s"],"voiceprints":["%s"]}' % (LONG.encode(), OTHER.encode())
    assert texts_of(load(io.BytesIO(stored(text)[0]))["voiceprints"]) == [OTHER]


@pytest.mark.parametrize(
    "text",
    [
        b'{"voiceprints":["%s""%s"]}',
        b'{"voiceprints":["%s",%s]}',
        b'{"voiceprints":["%s","%s',
        b'{"voiceprints":["%s","%s"',
        b'["%s","%s"]]',
        b'{"a":["%s"]"%s"}',
        b'["a,"%s","%s","a"]',
    ],
)
def test_what_is_no_json_stays_none(text: bytes) -> None:
    """Nothing is mended by leaving long texts out."""
    with pytest.raises(ValueError, match="line"):
        outlined(text % (LONG.encode(), LONG.encode()), 100)


def test_texts_of_any_length_are_held_for_a_while_only() -> None:
    """One text that never ends is passed on as it comes."""
    outline = Outline()
    writer = Writer(outline)
    passed = sum(len(writer.add(b'["' + b"A" * (1 << 16))) for _ in range(64))
    assert passed > 1 << 21
    writer.end()
    assert outline.text() == (b'["' + b"A" * (1 << 16)) * 64


def test_of_a_long_outline_nothing_is_kept() -> None:
    """A body of many numbers is on the disk, and need not be in memory before it is looked at."""
    outline = Outline(most=100)
    writer = Writer(outline)
    text = b'{"vectors_a": [[%s]]}' % b",".join([b"0.25"] * 100)
    form = writer.add(text) + writer.end()
    assert not outline.kept
    assert not outline.text()
    assert load(io.BytesIO(form)) == json.loads(text)
