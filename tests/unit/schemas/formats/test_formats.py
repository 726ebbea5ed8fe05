"""Every format is found by its content and read exactly, whatever else is in the file."""

import io
from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest

from schemas import cells, formats
from schemas.bounded import HEAD_BYTES
from schemas.errors import VoiceprintError, VoiceprintMalformed, VoiceprintTruncated, VoiceprintWrongMagic
from schemas.formats import Asked, Fault, Rows, Vectors
from tests.unit.schemas.formats.sample_files import (
    CONTAINERS,
    KEYS,
    SAMPLES,
    VECTORS,
    ark,
    flat,
    named,
    npy,
    parquet,
    table,
    ubjson,
)


def read(content: bytes, asked: Asked | None = None) -> list[Rows]:
    return list(formats.read(io.BytesIO(content), asked or Asked()))


def vectors_of(found: list[Rows]) -> tuple[np.ndarray, list[str | None], list[str | None]]:
    """Vectors, keys and models, row by row, with what is in cells read."""
    vectors, keys, models, row = [], [], [], 0
    for rows in found:
        assert not isinstance(rows, Fault), rows.error
        assert rows.first == row
        held, named_ = flat(rows)
        row += len(held)
        keys += named_
        if isinstance(rows, Vectors):
            vectors += [np.array(one, np.float32) for one in held]
            models += [None] * len(held)
            continue
        by_place = {}
        for one in cells.Reader().read(cells.Column.of(held)):
            assert isinstance(one, cells.Found), one
            for place, vector in zip(one.places.tolist(), one.vectors, strict=True):
                by_place[place] = (vector, one.model)
        vectors += [by_place[place][0] for place in range(len(held))]
        models += [by_place[place][1] for place in range(len(held))]
    return np.array(vectors), keys, models


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_file_is_of_one_format(sample: str) -> None:
    """Exactly one recognises it, and that is the right one."""
    head = SAMPLES[sample][:HEAD_BYTES]
    assert [name for name, one in formats.formats().items() if one.recognises(head)] == [named(sample)]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_vector_is_read_exactly(sample: str) -> None:
    """To the bit and in order, under its key where it has one."""
    found, keys, models = vectors_of(read(SAMPLES[sample]))
    assert found.tobytes() == VECTORS[: len(found)].tobytes()
    assert len(found) == (1 if named(sample) in {"container", "phonexia"} or "a vector" in sample else 3)
    if any(keys):
        assert keys in (KEYS, ["all"] * 3, ["0", "1", "2"], ["1", "2", "3"])
    ours = "container" in sample or sample in {"base64", "ndjson, texts", "arrow, a stream"} or "bytes" in sample
    if ours:
        assert set(models) == {"golden-model"}


def test_bare_numbers_are_asked_for() -> None:
    """Nothing in them tells what they are; of both kinds, and not beyond the last whole vector."""
    with pytest.raises(VoiceprintWrongMagic, match="--raw"):
        read(VECTORS.tobytes())
    asked = Asked(raw="float32", dimension=3)
    assert vectors_of(read(VECTORS.tobytes(), asked))[0].tobytes() == VECTORS.tobytes()
    halves = (VECTORS[:1] * 0 + np.float32([1, 1 / 3, -2])).astype("<f2")
    found, _, _ = vectors_of(read(halves.tobytes(), Asked(raw="float16", dimension=3)))
    assert found.tobytes() == halves.astype("<f4").tobytes()
    with pytest.raises(VoiceprintTruncated):
        read(VECTORS.tobytes()[:-1], asked)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"VPT \x01\x02", "XL5"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.", "pickle"),
        (b"\x80\x02}q\0.", "pickle"),
        (b"PK\x03\x04" + bytes(22) + b"\x10\0\0\0archive/data.pkl", "PyTorch"),
        (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
        (b"RIFF\0\0\0\0WAVE", "nothing that is read here"),
        (b"", "empty"),
    ],
)
def test_what_is_refused_is_named(content: bytes, words: str) -> None:
    """What would run code, what is not public and what is no voiceprint."""
    with pytest.raises(VoiceprintWrongMagic, match=words):
        read(content)


def test_arrays_of_objects_are_pickles() -> None:
    """They are refused by name, in a .npy and in a .npz, where the other arrays are read."""
    objects = npy(np.array([{}], object))
    with pytest.raises(VoiceprintMalformed, match="pickle"):
        read(objects)


def test_an_archive_as_kaldi_writes_it(tmp_path: Path) -> None:
    """Vectors of both kinds, matrices, compressed ones and text are read as Kaldi's own code reads them."""
    chance = np.random.default_rng(1)
    matrix = chance.normal(size=(20, 6)).astype(np.float32)
    spec = f"ark:{tmp_path}/plain.ark"
    with kaldi_native_io.FloatVectorWriter(spec) as writer:
        for key, vector in zip(KEYS, VECTORS, strict=True):
            writer.write(key, vector)
    assert vectors_of(read((tmp_path / "plain.ark").read_bytes()))[0].tobytes() == VECTORS.tobytes()
    with kaldi_native_io.FloatMatrixWriter(f"ark,t:{tmp_path}/text.ark") as writer:
        writer.write("all", matrix)
    with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{tmp_path}/text.ark") as reader:
        (expected,) = [np.array(value) for _, value in reader]
    assert vectors_of(read((tmp_path / "text.ark").read_bytes()))[0].tobytes() == expected.tobytes()
    methods = kaldi_native_io.CompressionMethod
    for number, method in enumerate([methods.kSpeechFeature, methods.kTwoByteAuto, methods.kOneByteAuto]):
        path = tmp_path / f"{number}.ark"
        with kaldi_native_io.CompressedMatrixWriter(f"ark:{path}") as writer:
            writer.write("all", matrix, method)
        with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{path}") as reader:
            (expected,) = [np.array(value) for _, value in reader]
        found, keys, _ = vectors_of(read(path.read_bytes()))
        assert keys == ["all"] * 20
        assert found.tobytes() == expected.tobytes(), method


def test_a_script_file_leads_to_its_archive(tmp_path: Path) -> None:
    """Each line to its entry, in the order of the lines; commands and what is not there are rejects."""
    (tmp_path / "a.ark").write_bytes(ark())
    size = len(ark()) // 3
    offsets = [ark().index(b"\0B", place) for place in (0, size - 2, 2 * size - 4)]
    lines = [f"{key} a.ark:{offset}" for key, offset in zip(KEYS, offsets, strict=True)]
    lines = [
        lines[2],
        "evil cat /etc/passwd |",
        lines[0],
        "far b.ark:0",
        "odd a.ark:1",
        lines[1],
        "ranged a.ark:5[0:1]",
    ]
    asked = Asked(follow=lambda path: (tmp_path / path).open("rb"))
    found = read("\n".join(lines).encode(), asked)
    good = [rows for rows in found if isinstance(rows, Vectors)]
    assert [(rows.first, rows.keys) for rows in good] == [(0, ["three"]), (2, ["one"]), (5, ["two"])]
    assert np.concatenate([rows.vectors for rows in good]).tobytes() == VECTORS[[2, 0, 1]].tobytes()
    faults = {rows.row: rows.error.message for rows in found if isinstance(rows, Fault)}
    assert list(faults) == [1, 3, 4, 6]
    assert "command" in faults[1]
    assert "cannot be read" in faults[3]


def test_a_bad_line_spoils_no_other() -> None:
    """In JSON lines and tables each bad line is a reject at its place, and the others are read."""
    lines = [b"[1, 2]", b"[1, 2", b'{"vector": [3, 4]}', b'{"vector": [true]}', b"[[1]]", b"[5, 6]", b"\xff", b"7"]
    found = read(b"\n".join(lines))
    assert [rows.row for rows in found if isinstance(rows, Fault)] == [1, 3, 4, 6, 7]
    assert [rows.vectors.tolist() for rows in found if isinstance(rows, Vectors)] == [[[1, 2]], [[3, 4]], [[5, 6]]]
    found = read(b"a,1,2\nb,x,3\nc,5,6\nd,1_0,2\n")
    assert [(rows.row, rows.key) for rows in found if isinstance(rows, Fault)] == [(1, "b"), (3, "d")]


def test_a_document_of_any_length_is_read_value_by_value() -> None:
    """Names, numbers and texts that look like structure are none, wherever the pieces of the file end."""
    many = b'{"a]\\"": [1, 2], "b\\\\": "[3, 4]", ' + b'"c": [5,6],' * 60_000 + b'"d": {"id": "x", "vector": [7, 8]}}'
    found = read(many)
    assert sum(len(flat(rows)[0]) for rows in found if not isinstance(rows, Fault)) == 60_003
    first = found[0]
    assert isinstance(first, Vectors)
    assert first.keys == ['a]"']


def test_which_column_is_asked_for_where_it_cannot_be_told() -> None:
    """Two columns of lists without a known name, and one that is named."""
    content = parquet(table(a=VECTORS.tolist(), b=VECTORS[::-1].tolist()))
    with pytest.raises(VoiceprintMalformed, match="--column"):
        read(content)
    assert vectors_of(read(content, Asked(column="a")))[0].tobytes() == VECTORS.tobytes()
    with pytest.raises(VoiceprintMalformed, match="no column 'c'"):
        read(content, Asked(column="c"))


def test_row_groups_are_read_apart() -> None:
    """Some of a file's row groups have the numbers that their rows have in the whole."""
    (rows,) = read(SAMPLES["parquet, fixed size, row groups"], Asked(groups=(1, 2)))
    assert isinstance(rows, Vectors)
    assert rows.first == 1
    assert np.array(rows.vectors.to_pylist(), np.float32).tobytes() == VECTORS[1:2].tobytes()


@pytest.mark.parametrize(
    "content",
    [
        ubjson(VECTORS[0])[:-1],
        ubjson(VECTORS[0]) + b"Z",
        b"{i\x01bZi\x01aZ}",
        b"{i\x03crcl\0\0\0\0}",
        b"{i\x09embedding[]}",
        b"{i\x09embeddingZ}",
        b"{i\x01a" + b"[" * 40,
    ],
)
def test_damaged_voiceprints_of_phonexia(content: bytes) -> None:
    """Cut, continued, without an embedding, out of order or nested without end: refused."""
    (one,) = cells.Reader().read(cells.Column.of([content]))
    assert isinstance(one, cells.Unusable)
    assert isinstance(one.error, VoiceprintError)


def test_the_published_beginning_is_recognised() -> None:
    """What is publicly known of a voiceprint of Phonexia is how it begins."""
    text = b"e2kDY3JjbDAWiyhpCWVtYmVkZGluZ1tkO/QWvmS8JkuGZDyv+F5k"
    (one,) = cells.Reader().read(cells.Column.of([text]))
    assert isinstance(one, cells.Unusable)
    assert isinstance(one.error, VoiceprintTruncated | VoiceprintMalformed)


def test_a_container_is_not_taken_for_another() -> None:
    """Cells of one length, ours and foreign, each by what it is."""
    foreign = ubjson(np.arange((len(CONTAINERS[0]) - 41) // 5, dtype=np.float32))
    column = [CONTAINERS[0], foreign.ljust(len(CONTAINERS[0]), b"\0"), CONTAINERS[1]]
    found = list(cells.Reader().read(cells.Column.of(column)))
    assert [one.places.tolist() for one in found if isinstance(one, cells.Found)] == [[0, 2]]
    assert [one.place for one in found if isinstance(one, cells.Unusable)] == [1]
