"""Trial lists that two appliances score."""

from pathlib import Path

import pytest

from appliance.shadow.trial_list import read
from schemas.errors import ConfigurationError


def test_a_list_is_relative_to_itself_or_to_a_root(tmp_path: Path) -> None:
    """Files lie beside the list unless a root is given; every file is one recording, however often it is named."""
    trials = tmp_path / "trials.txt"
    trials.write_text("1 ann/1.wav ann/2.wav\n0 ann/1.wav bob/1.wav\n\n0 bob/1.wav ann/2.wav\n")
    listed = read(trials)
    assert listed.names == ("ann/1.wav", "ann/2.wav", "bob/1.wav")
    assert listed.paths[2] == tmp_path / "bob/1.wav"
    assert read(trials, tmp_path / "speech").paths[2] == tmp_path / "speech/bob/1.wav"
    assert listed.trials.is_target.tolist() == [True, False, False]
    assert listed.collection.speakers.tolist() == [0, 0, 1]


def test_folders_need_not_tell_the_speaker(tmp_path: Path) -> None:
    """Where they do not, those whom trials of one speaker connect are one speaker."""
    trials = tmp_path / "trials.txt"
    trials.write_text("1 a.wav b.wav\n1 c.wav b.wav\n0 a.wav d.wav\n0 d.wav e.wav\n")
    a, b, c, d, e = read(trials).collection.speakers.tolist()
    assert a == b == c
    assert len({a, d, e}) == 3
    trials.write_text("1 a.wav b.wav\n1 c.wav b.wav\n0 a.wav c.wav\n")
    with pytest.raises(ConfigurationError, match=r"trials.txt:3: its label says two speakers"):
        read(trials)


def test_a_table_and_a_folder_give_every_pair(tmp_path: Path) -> None:
    """What has no trials of its own is compared in all pairs."""
    for name in ("ann/1.wav", "ann/2.wav", "bob/1.wav"):
        (tmp_path / "speech" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "speech" / name).touch()
    listed = read(tmp_path / "speech")
    assert listed.names == ("ann/1.wav", "ann/2.wav", "bob/1.wav")
    assert sorted(listed.trials.is_target.tolist()) == [False, False, True]
    table = tmp_path / "speech.csv"
    table.write_text("file,speaker\nspeech/ann/1.wav,ann\nspeech/bob/1.wav,bob\n")
    assert read(table).paths == (tmp_path / "speech/ann/1.wav", tmp_path / "speech/bob/1.wav")


@pytest.mark.parametrize(
    ("text", "message"), [("", "has no trials"), ("1 a.wav\n", "trials.txt:1"), ("2 a.wav b.wav\n", "trials.txt:1")]
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The refusal names the file, and the line where there is one."""
    (tmp_path / "trials.txt").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path / "trials.txt")
    with pytest.raises(ConfigurationError, match="no such file"):
        read(tmp_path / "elsewhere.txt")
