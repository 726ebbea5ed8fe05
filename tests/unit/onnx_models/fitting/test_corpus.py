"""Folders, tables and trial lists of known speakers."""

import os
from pathlib import Path

import pytest

from onnx_models.fitting.corpus import Labelled, read, strangers
from schemas.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two speakers; one has a recording further down, and a file that is none."""
    for name in ("ann/1.wav", "ann/day/2.FLAC", "ann/notes.txt", "bob/1.wav", "bob/2.wav"):
        path = tmp_path / "speech" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "speech"


def test_a_folder_has_one_folder_per_speaker(folder: Path) -> None:
    """Recordings at any depth belong to the first folder's speaker; other files are passed over."""
    (folder / "nobody").mkdir()
    corpus = read(folder)
    assert [(str(found.path.relative_to(folder)), found.speaker) for found in corpus.recordings] == [
        ("ann/1.wav", "ann"),
        ("ann/day/2.FLAC", "ann"),
        ("bob/1.wav", "bob"),
        ("bob/2.wav", "bob"),
    ]
    assert corpus.trials is None


def test_sexes_come_from_the_folder_or_a_file(folder: Path, tmp_path: Path) -> None:
    """speakers.csv in the folder is read by itself, and another file takes its place; who is in neither has none."""
    (folder / "speakers.csv").write_text("speaker,sex\nann,F\n")
    assert [found.sex for found in read(folder).recordings] == ["F", "F", "", ""]
    other = tmp_path / "labels.csv"
    other.write_text("﻿speaker,sex\nbob,male\n", encoding="utf-8")
    assert [found.sex for found in read(folder, labels=other).recordings] == ["", "", "male", "male"]


def test_a_table_names_files_beside_it(folder: Path) -> None:
    """A table's files are relative to it; the column sex may be missing or empty."""
    table = folder.parent / "speech.csv"
    table.write_text("file,speaker,sex\nspeech/ann/1.wav,ann,F\nspeech/bob/1.wav,bob,\n")
    assert read(table).recordings == (Labelled(folder / "ann/1.wav", "ann", "F"), Labelled(folder / "bob/1.wav", "bob"))
    table.write_text("speaker,file\nann,ann/1.wav\n")
    assert read(table, root=folder).recordings == (Labelled(folder / "ann/1.wav", "ann"),)


def test_a_trial_list_names_pairs(folder: Path) -> None:
    """A list in the way of VoxCeleb gives every file once, its speaker from its first folder, and pairs of them."""
    trials = folder.parent / "trials.txt"
    trials.write_text("1 bob/1.wav bob/2.wav\n\n0 bob/1.wav ann/day/2.FLAC\n")
    corpus = read(trials, root=folder)
    assert [found.speaker for found in corpus.recordings] == ["bob", "bob", "ann"]
    assert corpus.recordings[2].path == folder / "ann/day/2.FLAC"
    assert corpus.trials == ((0, 1), (0, 2))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2 ann/1.wav bob/1.wav", "a trial is"),
        ("1 ann/1.wav", "a trial is"),
        ("1 ann/1.wav bob/1.wav", "its label 1 says one speaker, its files lie in two"),
        ("0 ann/1.wav ann/2.wav", "its label 0 says two speakers, its files lie in one folder"),
    ],
)
def test_bad_trials_are_named_by_line(folder: Path, line: str, said: str) -> None:
    """A line that is no trial, or contradicts its folders, is named."""
    trials = folder.parent / "trials.txt"
    trials.write_text(f"1 bob/1.wav bob/2.wav\n{line}\n")
    with pytest.raises(ConfigurationError, match=f"trials.txt:2: {said}"):
        read(trials, root=folder)


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    """No such file, no recordings, no --root, a column that is not there, text that is none: each says so."""
    with pytest.raises(ConfigurationError, match="no such file or folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="one folder for each speaker"):
        read(tmp_path / "empty")
    with pytest.raises(ConfigurationError, match="no recordings"):
        strangers(tmp_path / "empty")
    trials = tmp_path / "trials.txt"
    trials.write_text("1 a/1.wav a/2.wav\n")
    with pytest.raises(ConfigurationError, match="--root"):
        read(trials)
    table = tmp_path / "wrong.csv"
    table.write_text("path,speaker\na.wav,ann\n")
    with pytest.raises(ConfigurationError, match=r"wrong\.csv: no column file in its first line"):
        read(table)
    table.write_text("file,speaker\na.wav,\n")
    with pytest.raises(ConfigurationError, match=r"wrong\.csv:2: nothing under speaker"):
        read(table)
    table.write_text(f'file,speaker\na.wav,ann\n"{"b" * 140_000}",ann\n')
    with pytest.raises(ConfigurationError, match=r"wrong\.csv:3: this is no row of a table: field larger"):
        read(table)
    table.write_bytes(b"file,speaker\n\xff,x\n")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read(table)
    with pytest.raises(ConfigurationError, match="No such file"):
        read(folder, labels=tmp_path / "missing.csv")


def test_a_speaker_has_one_sex(folder: Path, tmp_path: Path) -> None:
    """A speaker whom labels or a table call both is named with the lines; said twice or not at all is no matter."""
    labels = tmp_path / "labels.csv"
    labels.write_text("speaker,sex\nann,F\nbob,M\nann,F\n")
    assert [found.sex for found in read(folder, labels=labels).recordings] == ["F", "F", "M", "M"]
    labels.write_text("speaker,sex\nann,F\nbob,M\nann,M\n")
    with pytest.raises(ConfigurationError, match=r"labels\.csv:4: speaker 'ann' has the sex 'M', and line 2 says 'F'"):
        read(folder, labels=labels)
    table = tmp_path / "table.csv"
    table.write_text("file,speaker,sex\n1.wav,ann,F\n2.wav,ann,\n\n3.wav,ann,M\n")
    with pytest.raises(ConfigurationError, match=r"table\.csv:5: speaker 'ann'"):
        read(table)


@pytest.mark.parametrize("name", ["trials.txt", "table.csv"])
def test_lists_are_plain_files(tmp_path: Path, name: str) -> None:
    """A list or a table that is a device or a pipe is refused at once."""
    path = tmp_path / name
    for make in (lambda at: at.symlink_to("/dev/zero"), os.mkfifo):
        make(path)
        with pytest.raises(ConfigurationError, match=f"{name}: it is not a plain file"):
            read(path, root=tmp_path)
        path.unlink()


def test_strangers_are_speakers_of_their_own(folder: Path) -> None:
    """In a cohort every recording is of another speaker."""
    assert len({found.speaker for found in strangers(folder)}) == 4
