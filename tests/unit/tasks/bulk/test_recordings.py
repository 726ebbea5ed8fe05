"""What the inputs of an extraction are: recordings, lists of them, and tables that are cut."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from schemas.errors import ConfigurationError, MediaUnknown
from schemas.formats import Asked
from tasks.bulk import recordings
from tasks.bulk.work import Piece

ASKED = Asked(names=recordings.COLUMN_NAMES)
# As long as a short recording, and no text.
SOUND = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the command is run, with a few files that could be recordings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / f"in/{name}").write_bytes(name.encode() + SOUND)
    return tmp_path


def named(*inputs: str) -> list[str]:
    return [source.path for source in recordings.found(inputs)]


def table(path: Path, cells: list[object], **options: int) -> str:
    pq.write_table(pa.table({"media": cells}), path, **options)
    return str(path)


def test_a_list_stands_for_its_lines(folder: Path) -> None:
    """Each once and in their order, whether they are there or not; beside the list or where the command runs."""
    (folder / "in/list").write_text("b\r\n\nnone\nin/a\nb\n")
    assert named("in/list", "in/c") == ["in/b", "in/none", "in/a", "in/c"]


def test_addresses_are_a_list(folder: Path) -> None:
    """Nothing is asked of a store before its recording is opened."""
    (folder / "list").write_text("s3://bucket/a.wav\ns3://bucket/b.wav\n")
    assert named("list") == ["s3://bucket/a.wav", "s3://bucket/b.wav"]


@pytest.mark.parametrize(
    "content", [b"", b"words of a reader\n", b"see https://example.org\n", b"in/a\0", b"\x01\nin/a\n", b"x" * 5000]
)
def test_what_is_no_list(folder: Path, content: bytes) -> None:
    """Text that names nothing, and what is no text: a recording, of which its decoder tells more."""
    (folder / "text").write_bytes(content)
    assert named("text") == ["text"]


def test_a_line_that_is_no_path(folder: Path) -> None:
    """One of megabytes is refused with the list's name, before anything is begun."""
    (folder / "list").write_bytes(b"in/a\n" + b"x" * (1 << 24))
    with pytest.raises(ConfigurationError, match="list is too long for a path"):
        named("list")


def test_names_that_are_no_text(folder: Path) -> None:
    """They are told with escapes, by a folder as by a list, and found again."""
    path = folder / "in" / os.fsdecode(b"odd\xff")
    path.write_bytes(SOUND)
    (folder / "list").write_bytes(b"in/a\nin/odd\xff\n")
    assert named("in")[-1] == named("list")[-1] == "in/odd\\xff"
    with recordings.opened("in/odd\\xff") as file:
        assert file.read() == SOUND


def test_files_are_pieces(folder: Path) -> None:
    """One recording each."""
    sources = recordings.found([str(folder / "in")])
    assert list(recordings.pieces(sources, ASKED, 2)) == [Piece(n, rows=1, size=10_241) for n in range(3)]
    assert recordings.count(sources, ASKED) == 3


def test_tables_are_cut(folder: Path) -> None:
    """Into pieces of as many rows as are asked for, which together are the table; one of recordings into sixteen at
    most, since each reads past what comes before it."""
    paths = table(folder / "paths", [f"in/{n}" for n in range(50)], row_group_size=40)
    cells = table(folder / "cells", [SOUND + bytes([n]) for n in range(50)])
    for path, rows, count in ((paths, 7, 8), (cells, 1, 13)):
        sources = recordings.found([path])
        pieces = list(recordings.pieces(sources, ASKED, rows))
        assert len(pieces) == count
        assert recordings.count(sources, ASKED) == sum(piece.rows or 0 for piece in pieces) == 50
        found = [one for piece in pieces for one in recordings.read(path, piece, ASKED)]
        assert [one.row for one in found] == list(range(50))
        whole = list(recordings.read(path, Piece(0), ASKED))
        assert [one.media for one in found] == [one.media for one in whole]


def test_cells_are_paths_or_recordings(folder: Path) -> None:
    """Told by what is in them; what is neither is a reject, and so is a column of vectors."""
    path = table(folder / "table", [b"in/a", SOUND, b"", None])
    a, sound, empty, null = recordings.read(path, Piece(0), ASKED)
    assert (a.media, a.key) == ("in/a", "in/a")
    assert (sound.media, sound.key) == (SOUND, None)
    assert isinstance(empty.media, MediaUnknown)
    assert isinstance(null.media, MediaUnknown)
    with pytest.raises(MediaUnknown, match="no recording in the cell"), recordings.opened(null.media):
        pass
    vectors = pa.table({"vector": pa.array([np.zeros(3, np.float32)] * 2)})
    pyarrow.feather.write_feather(vectors, folder / "vectors")
    found = list(recordings.read(str(folder / "vectors"), Piece(0), ASKED))
    assert [isinstance(one.media, MediaUnknown) for one in found] == [True, True]


def test_a_table_that_cannot_be_read(folder: Path) -> None:
    """Is one reject, wherever it ends."""
    path = table(folder / "table", [b"in/a"])
    Path(path).write_bytes(Path(path).read_bytes()[:-10])
    (piece,) = recordings.pieces(recordings.found([path]), ASKED, 8)
    (found,) = recordings.read(path, piece, ASKED)
    assert (found.row, piece.rows) == (0, None)
    assert "damaged" in str(found.media)


@pytest.mark.parametrize("media", ["in/none", "in", "nowhere://there"])
def test_a_file_that_is_not_there(folder: Path, media: str) -> None:
    """Is told as a recording that cannot be read, whatever lacks."""
    assert folder.exists()
    with pytest.raises(MediaUnknown, match="cannot be read"), recordings.opened(media):
        pass


def test_bytes_are_opened_as_a_file() -> None:
    """With a descriptor, at its beginning, since another process reads it."""
    with recordings.opened(SOUND) as file:
        assert os.pread(file.fileno(), len(SOUND) + 1, 0) == SOUND
        assert file.tell() == 0
