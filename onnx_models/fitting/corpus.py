"""Recordings of known speakers: folders, tables and trial lists as the field keeps them."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.faults import reason

# What is taken for a recording in a folder; a table or a list may name any file.
SUFFIXES = frozenset(".wav .flac .ogg .opus .mp3 .m4a .mp4 .webm .amr .3gp .aac .w64 .aiff .au".split())  # noqa: SIM905  # one a word reads best
LABELS_FILE = "speakers.csv"
# Six times VoxCeleb1's list of 580,000 trials.
MOST_BYTES = 1 << 28

# The number of its line, and its values by column.
Row = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A recording, who speaks in it, and the speaker's sex as the labels write it, empty where it is not known."""

    path: Path
    speaker: str
    sex: str = ""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Recordings, and the trials of a list as places in them; None where every pair is a trial."""

    recordings: tuple[Labelled, ...]
    trials: tuple[tuple[int, int], ...] | None = None


def read(source: Path, root: Path | None = None, labels: Path | None = None) -> Corpus:
    """The recordings of `source`: a folder with one folder per speaker, a table with the columns file and speaker
    (and sex), or a list of trials, `1 file file` for one speaker and `0 file file` for two.

    Files of a table lie beside it, those of a list in `root`, which is needed then; a list's speakers are the first
    folders of its files. `labels` is a table with the columns speaker and sex; a folder may hold it as `speakers.csv`.
    Raises ConfigurationError that names the file and line which are not as they should be.
    """
    if not source.exists():
        raise ConfigurationError(f"{source}: there is no such file or folder")
    if source.is_dir():
        own = source / LABELS_FILE
        corpus = Corpus(tuple(_in_folder(source)))
        labels = labels or (own if own.is_file() else None)
    elif source.suffix.lower() == ".csv":
        corpus = Corpus(tuple(_in_table(source, root or source.parent)))
    elif root is None:
        raise ConfigurationError(f"{source} is taken for a list of trials: say with --root where its files lie")
    else:
        corpus = _in_list(source, root)
    if not corpus.recordings:
        raise ConfigurationError(
            f"{source} has no recordings: what is wanted is a folder with one folder for each speaker, "
            "a .csv with the columns file and speaker, or a list of trials"
        )
    return corpus if labels is None else _with_sexes(corpus, _sexes(labels))


def strangers(folder: Path) -> list[Labelled]:
    """Every recording in `folder` and below, each of a speaker of its own. Raises ConfigurationError without any."""
    found = [Labelled(path, str(path)) for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not found:
        raise ConfigurationError(f"{folder} has no recordings")
    return found


def trial_lines(trials: Path) -> Iterator[tuple[int, bool, tuple[str, str]]]:
    """The lines of a list of trials: their numbers, whether one speaker is said to speak in both files, and these.

    Raises ConfigurationError that names the line which is no trial.
    """
    for number, line in enumerate(_text(trials).splitlines(), 1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 3 or words[0] not in {"0", "1"}:
            raise ConfigurationError(
                f"{trials}:{number}: a trial is `1 file file` for one speaker or `0 file file` for two, "
                "with files whose names have no spaces"
            )
        label, first, second = words
        yield number, label == "1", (first, second)


def _in_folder(folder: Path) -> list[Labelled]:
    return [
        Labelled(path, speaker.name)
        for speaker in sorted(folder.iterdir())
        if speaker.is_dir()
        for path in sorted(speaker.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]


def _in_table(table: Path, root: Path) -> list[Labelled]:
    rows = _rows(table, ("file", "speaker"))
    _one_sex_each(table, rows)
    return [Labelled(root / row["file"], row["speaker"], row.get("sex") or "") for _, row in rows]


def _in_list(trials: Path, root: Path) -> Corpus:
    places: dict[str, int] = {}
    pairs = []
    for number, label, files in trial_lines(trials):
        one_speaker = len({_speaker(name) for name in files}) == 1
        if one_speaker != label:
            raise ConfigurationError(
                f"{trials}:{number}: its label {label:d} says {'one speaker' if label else 'two speakers'}, its "
                "files lie in "
                + ("one folder" if one_speaker else "two")
                + "; the first folder of a file has to be its speaker, or speakers cannot be held out"
            )
        first, second = (places.setdefault(name, len(places)) for name in files)
        pairs.append((first, second))
    return Corpus(tuple(Labelled(root / name, _speaker(name)) for name in places), tuple(pairs))


def _speaker(name: str) -> str:
    return Path(name).parts[0]


def _sexes(labels: Path) -> dict[str, str]:
    rows = _rows(labels, ("speaker", "sex"))
    _one_sex_each(labels, rows)
    return {row["speaker"]: row["sex"] for _, row in rows}


def _one_sex_each(table: Path, rows: Sequence[Row]) -> None:
    """Raises ConfigurationError for a speaker of two sexes: one of the rows is of somebody else."""
    known: dict[str, tuple[int, str]] = {}
    for number, row in rows:
        if not (sex := row.get("sex")):
            continue
        first, said = known.setdefault(row["speaker"], (number, sex))
        if said != sex:
            raise ConfigurationError(
                f"{table}:{number}: speaker {row['speaker']!r} has the sex {sex!r}, and line {first} says {said!r}"
            )


def _with_sexes(corpus: Corpus, sexes: Mapping[str, str]) -> Corpus:
    recordings = (
        Labelled(found.path, found.speaker, sexes.get(found.speaker, found.sex)) for found in corpus.recordings
    )
    return Corpus(tuple(recordings), corpus.trials)


def _rows(table: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of `table` with their lines. Raises ConfigurationError unless all have a value in all of `columns`."""
    reader = csv.DictReader(_text(table).splitlines())
    rows: list[Row] = []
    try:
        there = reader.fieldnames or ()
        if lacking := [column for column in columns if column not in there]:
            raise ConfigurationError(f"{table}: no column {' and no column '.join(lacking)} in its first line")
        for row in reader:
            if missing := [column for column in columns if not row[column]]:
                raise ConfigurationError(f"{table}:{reader.line_num}: nothing under {' and '.join(missing)}")
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise ConfigurationError(f"{table}:{reader.line_num + 1}: this is no row of a table: {error}") from error
    return rows


def _text(path: Path) -> str:
    try:
        return plain_file.read_text(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {reason(error)}") from error
