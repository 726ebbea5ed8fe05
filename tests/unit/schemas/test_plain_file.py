"""Files that people name, read whole up to a bound."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas import plain_file

MAKERS: list[Callable[[Path], None]] = [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")]


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_a_plain_file_is_read_whole(tmp_path: Path, size: int) -> None:
    """A file of the largest size comes back as it is, also through a link; one byte more is refused with the figure."""
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "link").symlink_to("file")
    assert plain_file.read(tmp_path / "file", size) == plain_file.read(tmp_path / "link", size + 1) == content
    if size:
        with pytest.raises(plain_file.TooLarge) as caught:
            plain_file.read(tmp_path / "file", size - 1)
        assert caught.value.strerror == f"it has more than {size - 1:,} bytes, the most that are read"


@pytest.mark.parametrize("most", [10, 1 << 20])
def test_what_says_nothing_of_its_size(most: int) -> None:
    """A file that is larger than the system says is read, and bounded, all the same."""
    path = Path("/proc/self/mountinfo")
    if not path.exists():
        pytest.skip("this system has no such files")
    if most == 10:
        with pytest.raises(plain_file.TooLarge):
            plain_file.read(path, most)
    else:
        assert plain_file.read(path, most) == path.read_bytes()


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_no_plain_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe without a writer, a folder and a device are refused without being waited for or read, and nothing stays
    open."""
    make(tmp_path / "thing")
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(plain_file.NotPlain) as caught:
        plain_file.read(tmp_path / "thing", 100)
    assert caught.value.strerror == "it is not a plain file"
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_missing_files(tmp_path: Path) -> None:
    """A file that is not there is told in the system's words."""
    with pytest.raises(OSError, match="No such file"):
        plain_file.read(tmp_path / "none", 100)


def test_toml_and_json(tmp_path: Path) -> None:
    """Both are read as they are written, with a byte order mark and without."""
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfa = 1")
    assert plain_file.read_toml(path, 100) == {"a": 1}
    path.write_text('{"a": 1}')
    assert plain_file.read_json(path, 100) == {"a": 1}


@pytest.mark.parametrize("read", [plain_file.read_toml, plain_file.read_json])
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xff", "it is not text in UTF-8"),
        (b"{", "line 1"),
        (b"a=" + b"[" * 100_000, "too deeply|line 1"),
        (b"[" * 100_000, "too deeply|line 1"),
    ],
)
def test_what_is_neither(tmp_path: Path, read: Callable[[Path, int], object], content: bytes, fault: str) -> None:
    """Other bytes, half a document and one that is nested without an end are all a ValueError."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=fault):
        read(tmp_path / "file", 1 << 20)
