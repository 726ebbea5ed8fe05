"""The file of API keys: whole or not at all, and never silently another."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.access import key_file
from schemas.errors import ConfigurationError
from tests.made_keys import FILE, made_keys
from tests.patience import PATIENCE

MAKE = "import sys, pathlib; from tests.made_keys import made_keys; made_keys(pathlib.Path(sys.argv[1]), *'abc')"


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    """Where nobody ever made a key."""
    assert key_file.read(tmp_path / FILE) == ()


def test_what_was_made_is_read(tmp_path: Path) -> None:
    """In the order in which they were made, from a file for its owner alone."""
    made_keys(tmp_path / "new", "first", "second")
    path = tmp_path / "new" / FILE
    assert [key.name for key in key_file.read(path)] == ["first", "second"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Neither when it is given up, nor when what would be written is none."""
    made_keys(tmp_path, "first")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(AttributeError), key_file.changing(tmp_path / FILE) as keys:
        keys.pop().given_up()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="two keys have one id"), key_file.changing(tmp_path / FILE) as keys:
        keys.append(keys[0])
    assert (tmp_path / FILE).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {FILE, f"{FILE}.lock"}


def test_changes_at_one_time_are_all_there(tmp_path: Path) -> None:
    """Processes wait for each other, and none loses what another has made."""
    processes = [subprocess.Popen([sys.executable, "-c", MAKE, tmp_path], cwd=Path.cwd()) for _ in range(4)]
    assert [process.wait(PATIENCE) for process in processes] == [0] * 4
    assert len(key_file.read(tmp_path / FILE)) == 12


@pytest.mark.parametrize("name", [FILE, f"{FILE}.lock"])
def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    """Neither for the file nor for its lock: what they lead to stays as it is."""
    made_keys(tmp_path / "there", "first")
    there = tmp_path / "there" / name
    before = there.read_bytes()
    (tmp_path / name).symlink_to(there)
    with pytest.raises(ConfigurationError, match="it is a link"):
        made_keys(tmp_path, "second")
    assert there.read_bytes() == before
    assert [key.name for key in key_file.read(tmp_path / "there" / FILE)] == ["first"]


def test_keys_that_have_gone_are_missed(tmp_path: Path) -> None:
    """A file that was there once is not taken for one that never was, until that is said as well."""
    made_keys(tmp_path, "first")
    (tmp_path / FILE).unlink()
    with pytest.raises(ConfigurationError, match="have gone: put the file back"):
        key_file.read(tmp_path / FILE)
    (tmp_path / FILE).write_text('{"version": 1, "keys": []}')
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(ConfigurationError, match="have gone: put the file back"):
        key_file.read(tmp_path / FILE)
    (tmp_path / FILE).unlink()
    (tmp_path / f"{FILE}.lock").unlink()
    assert key_file.read(tmp_path / FILE) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read: it is not text in UTF-8"),
        (b"[" * 100_000, "cannot be read: it is nested too deeply"),
        (b"[]", "are damaged"),
        (b'{"version": 2, "keys": []}', "are damaged: version"),
        (b'{"version": 1}', "are damaged: keys"),
        (b'{"version": 1, "keys": [{"id": "0"}]}', r"are damaged: keys\.0\.id"),
        (b'{"version": 1, "keys": [], "more": 1}', "are damaged: more"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """With what is wrong with it, and nothing of what is in it; and it is not overwritten."""
    (tmp_path / FILE).write_bytes(content)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(ConfigurationError, match=said):
        key_file.read(tmp_path / FILE)
    with pytest.raises(ConfigurationError, match=said):
        made_keys(tmp_path, "new")
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o644])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    """They could write a key of theirs into it."""
    made_keys(tmp_path, "first")
    (tmp_path / FILE).chmod(mode)
    with pytest.raises(ConfigurationError, match=r"others may read or write .* chmod 600"):
        key_file.read(tmp_path / FILE)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe that nobody writes into, and a folder."""
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(ConfigurationError, match="cannot be read: it is not a plain file"):
        key_file.read(tmp_path / FILE)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        key_file.read(tmp_path)
