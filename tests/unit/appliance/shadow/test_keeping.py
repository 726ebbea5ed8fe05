"""Voiceprints kept between runs."""

from pathlib import Path

import pytest

from appliance.shadow.keeping import Kept
from appliance.shadow.remote import Heard
from schemas.errors import ConfigurationError


def test_a_recording_is_known_by_its_content(tmp_path: Path) -> None:
    """What was kept is found under another name, by a later run, with everything that belongs to it."""
    heard = Heard("e2kD", 1.5, 'a, "model"')
    recording, moved = tmp_path / "a.wav", tmp_path / "b.wav"
    recording.write_bytes(b"speech")
    moved.write_bytes(b"speech")
    with Kept(tmp_path / "kept/here.csv") as kept:
        assert kept.get(kept.digest(recording)) is None
        kept.add("ann/a.wav", kept.digest(recording), heard)
    with Kept(tmp_path / "kept/here.csv") as kept:
        assert kept.get(kept.digest(moved)) == heard


def test_nothing_is_kept_without_a_folder(tmp_path: Path) -> None:
    """Then a recording is not even read."""
    with Kept(None) as kept:
        assert kept.digest(tmp_path / "gone.wav") == ""
        kept.add("gone.wav", "", Heard("e2kD", 1.5, ""))
        assert kept.get("") is None


def test_a_row_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    """A run that was killed leaves half a row; what comes after it is whole again."""
    path = tmp_path / "here.csv"
    with Kept(path) as kept:
        kept.add("a.wav", "1", Heard("e2kD", 1.5, "m"))
        kept.add("b.wav", "2", Heard("e2kDY3Jj", 2.5, "m"))
    path.write_bytes(path.read_bytes()[:-5])
    with Kept(path) as kept:
        assert kept.get("2") is None
        kept.add("c.wav", "3", Heard("e2kD", 3.5, "m"))
    with Kept(path) as kept:
        assert [kept.get(digest) is not None for digest in "123"] == [True, False, True]


@pytest.mark.parametrize(
    "content",
    [
        "something else\nof no end",
        "something else\n",
        "file,sha256,model,speech_length,voiceprint\na,b\n",
        "file,sha256,model,speech_length,voiceprint\na,b,c,d,e\n",
        "\xff\n",
    ],
)
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: str) -> None:
    """It is refused by name, and stays as it was."""
    path = tmp_path / "here.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"here.csv"):
        Kept(path)
    assert path.read_bytes() == content.encode("latin-1")
