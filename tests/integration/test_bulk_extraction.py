"""`voiceprint extract` in bulk: recordings of folders, lists and tables to voiceprints, and none is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from appliance.exit_codes import ExitCode
from benchmarks.processes import children, command
from onnx_models.extractor import Extractor
from schemas.voiceprint import decode, from_base64
from tasks.bulk import local
from tasks.bulk.extracting import Extracting
from tasks.bulk.job import Job
from tasks.bulk.ledger import Record
from tasks.bulk.means import Means
from tasks.bulk.run import Shard, begun
from tests.conftest import RECORDINGS
from tests.integration.test_bulk import Run, contents, matrix, rejects, run, written

__all__ = ["run"]

CREATED = 1_767_225_600_000
# Enough for a vector, and soon done.
SHORT = {"max_speech_length": 1.6}


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good recordings, of one that speaks on one side only, and of what is no recording."""
    folder = tmp_path_factory.mktemp("voices")
    (folder / "deep").mkdir()
    for name in ("call.flac", "demo.flac", "ulaw-8k.wav", "deep/answer.flac"):
        (folder / name).write_bytes((RECORDINGS / Path(name).name).read_bytes())
    speech, rate = soundfile.read(RECORDINGS / "call.flac", dtype="float32", always_2d=True)
    soundfile.write(folder / "one-sided.wav", np.stack([speech[:, 0], np.zeros(len(speech))], axis=1), rate)
    (folder / "cut.flac").write_bytes((RECORDINGS / "demo.flac").read_bytes()[:50_000])
    (folder / "hostile.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(range(256)))
    (folder / "no-text.txt").write_text("a line that names nothing\n")
    return folder


@pytest.fixture
def means(models_dir: Path) -> Means:
    return Means(models_dir=str(models_dir), device="cpu")


def extracted(inputs: list[Path], out: Path, means: Means, *, share: Shard = Shard(), **options: Any) -> Record:  # noqa: B008  # frozen
    """What the command does, in this process."""
    to, rows = options.pop("to", "parquet"), options.pop("rows", None)
    work = Extracting("ge2e", created_ms=CREATED, **options)
    begin = begun(Job(work, to, rows), [str(one) for one in inputs], str(out), share, means)
    for _ in local.done(begin, means, 1):
        pass
    return begin.ended(means)[0]


def test_every_channel_has_a_row_or_a_reason(run: Run, voices: Path, models_dir: Path, tmp_path: Path) -> None:
    """Voiceprint, vector and what is known of it, to the bit what the extractor gives; what is bad is named, and the
    others go on; the same again changes nothing."""
    settings = {"VOICEPRINT_MODELS_DIR": str(models_dir), "VOICEPRINT_DEVICE": "cpu"}
    done = run("extract", voices, "out", "--processes", "2", **settings)
    assert (done.returncode, done.stdout) == (ExitCode.REFUSED, ""), done.stderr
    assert "8 recordings in, 10 channels, 6 vectors, 4 rejects" in done.stderr
    table = written(tmp_path / "out")
    extractor = Extractor.open(models_dir=models_dir, device="cpu")
    rows, vectors = table.drop_columns(["vector"]).to_pylist(), matrix(table)
    assert [(Path(row["source"]).name, row["channel"]) for row in rows] == [
        ("call.flac", 0),
        ("call.flac", 1),
        ("demo.flac", 0),
        ("one-sided.wav", 0),
        ("ulaw-8k.wav", 0),
        ("answer.flac", 0),
    ]
    for row, vector in zip(rows, vectors, strict=True):
        expected = extractor.extract(row["source"])[row["channel"]]
        found = decode(from_base64(row["voiceprint"]))
        assert vector.tobytes() == found.vector.tobytes() == expected.vector.tobytes()
        assert (row["model"], row["space"], row["row"]) == (found.model, found.space, 0)
        assert row["sha256"] == found.media_sha256.hex() == expected.media_sha256.hex()
        assert (row["speech_length"], row["recording_length"]) == (expected.speech_length, expected.recording_length)
        assert row["quality"] == "good"
        assert row["snr_db"] > 10
    assert [(Path(one["source"]).name, one["channel"], one["type"]) for one in rejects(tmp_path / "out")] == [
        ("cut.flac", None, "media.damaged"),
        ("hostile.wav", None, "media.damaged"),
        ("no-text.txt", None, "media.unknown"),
        ("one-sided.wav", 1, "voiceprint.no-speech"),
    ]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("part-*")}
    again = run("extract", voices, "out", **settings)
    assert again.returncode == ExitCode.REFUSED
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    other = run("extract", voices, "out", "--channel-mode", "mix", **settings)
    assert other.returncode == ExitCode.MISCONFIGURED
    assert "--channel-mode split, not mix" in other.stderr


def test_a_run_that_was_killed_goes_on(run: Run, means: Means, tmp_path: Path) -> None:
    """To the same bytes as one that ended by itself; parts that were done stay as they are."""
    (tmp_path / "in").mkdir()
    for number in range(12):
        (tmp_path / f"in/{number:02d}.flac").symlink_to(RECORDINGS / ("demo.flac", "call.flac")[number % 2])
    (tmp_path / "in/07.flac").unlink()
    (tmp_path / "in/07.flac").write_bytes(b"fLaC")
    inputs = tmp_path / "in"
    extracted([inputs], tmp_path / "whole", means, rows=1, **SHORT)
    settings = {"VOICEPRINT_MODELS_DIR": means.models_dir, "VOICEPRINT_DEVICE": "cpu"}
    options = ("--max-speech-length", "1.6", "--rows-per-file", "1", "--processes", "2", "--created", "2026-01-01")
    command = [Path(sys.executable).with_name("voiceprint"), "extract", inputs, "killed", *options]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True, env=os.environ | settings
    ) as process:
        assert process.stderr is not None
        for _ in range(3):
            assert process.stderr.readline()
        os.killpg(process.pid, signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed/_records").glob("*.json")}
    assert 3 <= len(before) < 12
    ended = run("extract", inputs, "killed", *options, **settings)
    assert ended.returncode == ExitCode.REFUSED, ended.stderr
    assert "12 recordings in, 17 channels, 16 vectors, 1 rejects" in ended.stderr
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_process_that_dies_is_replaced(means: Means, tmp_path: Path) -> None:
    """Its part is done again by another, and nothing is lost."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        (tmp_path / f"in/{number}.flac").symlink_to(RECORDINGS / "demo.flac")
    work = Extracting("ge2e", created_ms=CREATED, **SHORT)
    started = begun(Job(work, rows_per_file=1), [str(tmp_path / "in")], str(tmp_path / "out"), Shard(), means)
    parts = local.done(started, means, 2)
    next(parts)
    victim = next(pid for pid in children(os.getpid()) if "tasks.bulk.child" in command(pid))
    os.kill(victim, signal.SIGKILL)
    assert {one.part for one in parts if one.record} <= {0, 1, 2, 3}
    assert started.ended(means)[0].vectors == 4


def test_shares_give_what_one_run_gives(voices: Path, means: Means, tmp_path: Path) -> None:
    """To the byte, whichever is done first."""
    extracted([voices], tmp_path / "whole", means, rows=3, **SHORT)
    for number in (2, 1):
        record = extracted([voices], tmp_path / "shares", means, rows=3, share=Shard(number, 2), **SHORT)
    assert (record.rows, record.outcomes, record.vectors) == (8, 10, 6)
    assert contents(tmp_path / "shares") == contents(tmp_path / "whole")


def test_lists_and_tables_name_recordings(voices: Path, means: Means, tmp_path: Path) -> None:
    """Lines of paths, a column of paths and a column of recordings give the vectors of the files."""
    names = ["demo.flac", "call.flac", "none.flac", "cut.flac"]
    listed = voices / "list.csv"
    listed.write_text("".join(f"{name}\n" for name in names))
    try:
        record = extracted([listed], tmp_path / "list", means, **SHORT)
    finally:
        listed.unlink()
    assert (record.rows, record.outcomes, record.vectors) == (4, 5, 3)
    assert [one["source"] for one in rejects(tmp_path / "list")] == [str(voices / name) for name in names[2:]]
    expected = matrix(written(tmp_path / "list"))

    paths = [str(voices / name) for name in names]
    pq.write_table(pa.table({"path": paths, "id": list("abcd")}), tmp_path / "paths.parquet")
    cells = [Path(path).read_bytes() if Path(path).exists() else None for path in paths]
    pq.write_table(pa.table({"sound": pa.array(cells, pa.binary())}), tmp_path / "cells.parquet")
    for name, options, keys in (("paths", {}, list("abb")), ("cells", {"column": "sound"}, [None] * 3)):
        record = extracted([tmp_path / f"{name}.parquet"], tmp_path / name, means, rows=2, **options, **SHORT)
        assert (record.rows, record.outcomes, record.vectors) == (4, 5, 3)
        table = written(tmp_path / name)
        assert matrix(table).tobytes() == expected.tobytes()
        assert (table["row"].to_pylist(), table["key"].to_pylist()) == ([0, 1, 1], keys)
        assert len(list((tmp_path / name).glob("part-*"))) == 2
        assert [(one["row"], one["type"]) for one in rejects(tmp_path / name)] == [
            (2, "media.unknown"),
            (3, "media.damaged"),
        ]


def test_containers_and_archives_are_written(voices: Path, means: Means, tmp_path: Path) -> None:
    """Base64 holds the voiceprints themselves, and what has no place for channels tells them in its names."""
    for to in ("base64", "kaldi"):
        extracted([voices / "call.flac"], tmp_path / to, means, to=to, **SHORT)
    lines = (tmp_path / "base64/part-00000.txt").read_text().splitlines()
    assert [decode(from_base64(line)).created_ms for line in lines] == [CREATED, CREATED]
    content = (tmp_path / "kaldi/part-00000.ark").read_bytes()
    assert f"{voices}/call.flac:0 ".encode() in content
    assert f"{voices}/call.flac:0.1 ".encode() in content


def test_a_name_that_is_no_text(means: Means, tmp_path: Path) -> None:
    """A file whose name is not UTF-8 is told with escapes, and done like any other."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / os.fsdecode(b"odd\xff.flac")).symlink_to(RECORDINGS / "demo.flac")
    record = extracted([tmp_path / "in"], tmp_path / "out", means, **SHORT)
    assert record.vectors == 1
    assert written(tmp_path / "out")["source"].to_pylist() == [f"{tmp_path}/in/odd\\xff.flac"]
