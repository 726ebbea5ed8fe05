"""Results in other forms hold what the JSON holds."""

import io
import json
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np
import pyarrow
import pytest

from schemas import rows
from schemas.representations import ARROW, MSGPACK, Items, Numbers, json_text, msgpack_bytes
from schemas.technologies import speaker_identification_voiceprint_comparison as comparison
from schemas.technologies import speaker_identification_voiceprint_conversion as conversion
from schemas.technologies import speaker_identification_voiceprint_extraction as extraction
from schemas.technologies import technologies
from schemas.voiceprint import encode
from tests.unit.schemas.sample_voiceprints import silent, voiceprint

SCORES = np.random.default_rng(0).normal(0, 9, (70, 600)).astype(np.float32)


def vectors(count: int, dimension: int) -> np.ndarray:
    made = np.random.default_rng(count).normal(size=(count, dimension)).astype(np.float32)
    made[count // 3] = 0
    return made


def plain(value: Any) -> Any:
    """What msgpack holds, as JSON would show it."""
    if isinstance(value, bytes):
        return np.frombuffer(value, "<f4").tolist()
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def wide(value: Any) -> Any:
    """JSON's decimals as the float32 values that they stand for; every number of these results is one, or whole."""
    if isinstance(value, float):
        return float(np.float32(value))
    if isinstance(value, dict):
        return {name: wide(inner) for name, inner in value.items()}
    return [wide(inner) for inner in value] if isinstance(value, list) else value


STORED = [
    (conversion, b"".join(conversion.pack([vectors(1000, 3), vectors(5, 3)]))),
    (conversion, b"".join(conversion.pack([vectors(300, 256)]))),
    (conversion, b"".join(conversion.pack([vectors(3, 20_000)]))),
    (conversion, b"".join(conversion.pack([np.zeros((4, 2), np.float32)]))),
    (comparison, comparison.pack(SCORES)),
    (extraction, extraction.pack([encode(voiceprint()), encode(silent())], include_vector=True)),
]


@pytest.mark.parametrize(("technology", "stored"), STORED)
def test_msgpack_holds_the_same(technology: Any, stored: bytes) -> None:
    """Keys, order and values are those of the JSON; float32 numbers stand as their bytes."""
    shown = json.loads(b"".join(technology.TECHNOLOGY.render(io.BytesIO(stored))))
    packed = b"".join(msgpack_bytes.pieces(technology.show(io.BytesIO(stored))))
    assert wide(plain(msgpack.unpackb(packed))) == wide(shown)


def test_rows_in_msgpack() -> None:
    """Results of rows are lists of maps."""
    declared = technologies()["gender-identification-voiceprints"]
    stored = rows.pack((float(number), number / 2 if number % 3 else None) for number in range(3000))
    shown = json.loads(b"".join(declared.render(io.BytesIO(stored))))
    assert msgpack.unpackb(b"".join(msgpack_bytes.pieces(declared.show(io.BytesIO(stored))))) == shown


def test_only_results_of_numbers_are_tables() -> None:
    """Arrow is offered where a result is one table of numbers."""
    tables = {name for name, declared in technologies().items() if ARROW in declared.forms}
    assert tables >= {conversion.TECHNOLOGY.name, comparison.TECHNOLOGY.name}


@pytest.mark.parametrize(("technology", "stored"), STORED[:5])
def test_arrow_holds_the_same(technology: Any, stored: bytes) -> None:
    """An Arrow reader that shares no code with this finds one column of lists, to the bit."""
    with pyarrow.ipc.open_stream(b"".join(technology.TECHNOLOGY.forms[ARROW](io.BytesIO(stored)))) as reader:
        table = reader.read_all()
    table.validate(full=True)
    (field,) = table.schema
    assert field.type == pyarrow.list_(pyarrow.field("item", pyarrow.float32(), nullable=False))
    shown = json.loads(b"".join(technology.TECHNOLOGY.render(io.BytesIO(stored))))
    expected = wide(shown).get("vector_voiceprints")
    if expected is None:
        expected = SCORES.tolist()
    assert table.column(0).to_pylist() == expected
    assert field.name in {"vector_voiceprints", "scores"}


@pytest.mark.parametrize("size", [0, 63, 64, 16_383, 16_384])
def test_bins_of_every_width(size: int) -> None:
    """The shortest head that msgpack has for so many bytes, for one list and for rows of them."""
    values = np.arange(1, size + 1, dtype=np.float32)
    packed = b"".join(msgpack_bytes.pieces(Numbers(size, iter([values]))))
    assert packed == msgpack.packb(values.tobytes())
    twice = b"".join(msgpack_bytes.pieces(Items(2, iter([np.stack([values, values])]))))
    assert twice == msgpack.packb([values.tobytes()] * 2)


def test_nothing_else_is_packed() -> None:
    """Numbers of another width would not be what a reader takes them for."""
    with pytest.raises(TypeError):
        list(msgpack_bytes.pieces({"values": np.zeros(2)}))


def blocks(*items: list[Any]) -> Iterator[list[Any]]:
    return iter(items)


def test_trees_as_json() -> None:
    """Nested, empty and blocked lists make one JSON text."""
    tree = {"a": Items(3, blocks([1, {"b": None}], ["x"])), "c": Items(0, blocks()), "d": {}, "e": [1.5]}
    assert json.loads(b"".join(json_text.pieces(tree))) == {"a": [1, {"b": None}, "x"], "c": [], "d": {}, "e": [1.5]}


def test_the_name_that_is_registered() -> None:
    """The media type is that of the vendor tree."""
    assert MSGPACK == "application/vnd.msgpack"
