"""No file crashes a reader, hangs it, or makes it take more memory than is stated."""

import io
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies

from schemas import cells, formats
from schemas.bounded import HEAD_BYTES, MOST_HELD, MOST_TEXT
from schemas.errors import VoiceprintError
from schemas.formats import Asked, Cells, Fault, parquet
from tasks.bulk.conversion import Conversion, Form
from tests.unit.schemas.formats.sample_files import CONTAINERS, SAMPLES, VECTORS, ark, count, npy, ubjson
from tests.unit.schemas.sample_voiceprints import PROPERTY

ASKED = Asked(raw="float32", dimension=3)


def read(content: bytes, name: str | None = None) -> int:
    """All rows by whichever format recognises it, or by one of a name; how many there were, damage and all."""
    file = io.BytesIO(content)
    before, rows = pa.total_allocated_bytes(), 0
    try:
        found = formats.read(file, ASKED) if name is None else formats.formats()[name].read(file, ASKED)
        for one in found:
            rows += count(one)
            if isinstance(one, Cells) and isinstance(one.cells, list):
                list(cells.Reader().read(cells.Column.of(one.cells)))
            assert isinstance(one, Fault) or pa.total_allocated_bytes() - before < MOST_HELD
    except VoiceprintError:
        rows += 1
    return rows


def peak(work: Callable[[], Any]) -> int:
    """Bytes of Python and NumPy at the height of `work`."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@strategies.composite
def damaged(draw: strategies.DrawFn, content: bytes) -> bytes:
    """`content` with bytes changed, put in, taken out, or its end cut off."""
    made = bytearray(content)
    for _ in range(draw(strategies.integers(1, 4))):
        place = draw(strategies.integers(0, len(made)))
        change = draw(strategies.sampled_from(("flip", "put", "take", "cut", "number")))
        if change == "flip" and place < len(made):
            made[place] ^= 1 << draw(strategies.integers(0, 7))
        elif change == "put":
            made[place:place] = draw(strategies.binary(max_size=9))
        elif change == "take":
            del made[place : place + draw(strategies.integers(1, 9))]
        elif change == "cut":
            del made[place:]
        else:
            width = draw(strategies.sampled_from((1, 2, 4, 8)))
            made[place : place + width] = draw(strategies.sampled_from((b"\xff", b"\x7f", b"\0"))) * width
    return bytes(made)


@pytest.mark.parametrize("sample", SAMPLES)
def test_damaged_files(sample: str) -> None:
    """Whatever is changed in a good file, its reader ends, with rows or with a VoiceprintError."""

    @PROPERTY
    @given(damaged(SAMPLES[sample]))
    def ends(content: bytes) -> None:
        read(content)
        read(content, sample.partition(",")[0])

    ends()


@pytest.mark.parametrize("name", formats.formats())
def test_any_bytes_at_all(name: str) -> None:
    """Each reader is given what no other would recognise."""

    @PROPERTY
    @given(strategies.binary(max_size=2000) | strategies.text(max_size=500).map(lambda text: text.encode()))
    def ends(content: bytes) -> None:
        read(content, name)
        for one in formats.formats().values():
            assert one.recognises(content[:HEAD_BYTES]) in (True, False)

    ends()


@pytest.mark.parametrize("kind", ["json", "ndjson", "csv", "kaldi-text"])
def test_text_without_sense(kind: str) -> None:
    """What the structure of a text is made of, in any order."""
    words = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        '"',
        "\\",
        "\n",
        " ",
        "1",
        "-2.5e3",
        "vector",
        "id",
        "nan",
        "true",
        ";",
        "key",
    ]

    @PROPERTY
    @given(strategies.lists(strategies.sampled_from(words), max_size=60).map("".join))
    def ends(content: str) -> None:
        read(content.encode(), kind)

    ends()


@PROPERTY
@given(
    strategies.lists(
        strategies.binary(max_size=60)
        | damaged(CONTAINERS[0])
        | damaged(ubjson(VECTORS[0]))
        | damaged(b"[1.5, -2, 3e4]")
        | strategies.sampled_from(CONTAINERS),
        max_size=8,
    )
)
def test_every_cell_has_one_end(column: list[bytes]) -> None:
    """Whatever is in a column, each cell is a vector or a fault, and the good ones are what they are alone."""
    batch = pa.record_batch({"row": range(len(column)), "voiceprint": pa.array(column, pa.binary())})
    made = Conversion(Form(3, model=None))(batch)
    assert len(made) == len(column)
    for cell, row in zip(column, made.to_pylist(), strict=True):
        assert (row["vector"] is None) == (row["fault"] is not None) == (row["fault_type"] is not None)
        if cell in CONTAINERS:
            assert np.array(row["vector"], np.float32).tobytes() == VECTORS[CONTAINERS.index(cell)].tobytes()


_BOMBS = {
    "a .npy that claims a million million values": npy(VECTORS).replace(b"(3, 3)", b"(999999999, 99999)"),
    "a .npy whose rows are too many": npy(VECTORS).replace(b"(3, 3)", b"(99999999999999, 3)"),
    "a vector of Kaldi of two thousand million values": b"key \0BFV \x04\xff\xff\xff\x7f",
    "a matrix of Kaldi with as many rows": b"key \0BFM \x04\xff\xff\xff\x7f\x04\x03\0\0\0" + bytes(120),
    "a compressed matrix": b"key \0BCM " + bytes(8) + b"\xff\xff\xff\x7f\x03\0\0\0" + bytes(120),
    "a line without end": b"[" + b"1," * MOST_TEXT,
    "a line of Base64 without end": b"A" * (3 * MOST_TEXT),
    "lists in lists": b"[" * 1_000_000,
    "empty lists": b"[" + b"[]," * 20_000,
    "a text without end": b'["' + b"a" * (3 * MOST_TEXT),
    "a table of commas": b"a,1\n" + b"," * 5_000_000,
    "lines of nothing": b"[1,2]\n" + b"\n" * 500_000,
    "lines of one number": b"[1]\n" * 40_000,
}


@pytest.mark.parametrize("name", _BOMBS)
def test_no_more_memory_than_is_stated(name: str) -> None:
    """Whatever a file claims, or repeats."""
    assert peak(lambda: read(_BOMBS[name])) < MOST_HELD


def test_an_archive_that_swells(tmp_path: Any) -> None:
    """A small .npz of a gigabyte of zeros is read block by block."""
    import zipfile

    path = tmp_path / "zeros.npz"
    header = npy(VECTORS).replace(b"(3, 3)", b"(99999, 999)")[:128]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        member.write(header)
        for _ in range(100):
            member.write(bytes(1_000_000))
    with path.open("rb") as file:
        read_all = lambda: [count(rows) for rows in formats.read(file, ASKED)]  # noqa: E731
        assert peak(read_all) < MOST_HELD


def test_an_archive_cut_anywhere() -> None:
    """Of a Kaldi archive that ends early, the entries before are read and the rest is damage."""
    content = ark()
    for end in range(len(content)):
        assert read(content[:end], "kaldi") <= 3


def test_a_damaged_footer_does_not_end_the_process() -> None:
    """pyarrow ends the process where a damaged column of a Parquet footer is asked for its size."""
    content = SAMPLES["parquet"]
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    random = np.random.default_rng(1)
    for _ in range(2000):
        made = bytearray(content)
        for place in random.integers(footer, len(content) - 8, size=random.integers(1, 5)):
            made[place] = random.integers(256)
        read(bytes(made), "parquet")
        with suppress(VoiceprintError):
            parquet.groups(io.BytesIO(made), ASKED)
