"""`voiceprint convert` from end to end: archives of voiceprints to vectors, exact, none lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from appliance.exit_codes import ExitCode
from schemas.errors import Internal
from schemas.voiceprint import encode, to_base64
from tasks.bulk import local
from tasks.bulk.converting import Converting
from tasks.bulk.job import Job
from tasks.bulk.means import Means
from tasks.bulk.run import Shard, begun
from tests.unit.schemas.formats.sample_files import SAMPLES
from tests.unit.schemas.sample_voiceprints import silent, voiceprint

DIMENSION = 256
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line, run in the test's own folder."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        command = [Path(sys.executable).with_name("voiceprint"), *words]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICEPRINT_")}
        data = {"VOICEPRINT_DATA_DIR": str(tmp_path / "data")}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, env=kept | data | settings, timeout=100
        )

    return run


def vectors(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


def archive(path: Path, made: npt.NDArray[np.float32], *, row_group_size: int = 100, **others: Any) -> Path:
    """Parquet with a column of Base64 containers."""
    texts = [to_base64(encode(voiceprint(vector=vector))) for vector in made]
    pq.write_table(pa.table({"voiceprint": texts, **others}), path, row_group_size=row_group_size)
    return path


def written(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("part-*.parquet"))])


def matrix(table: pa.Table) -> npt.NDArray[np.float32]:
    flat = table["vector"].combine_chunks().flatten().to_numpy()
    found: npt.NDArray[np.float32] = flat.reshape(len(table), -1)
    return found


def rejects(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "_rejects.ndjson").read_text().splitlines()]


def test_a_column_of_voiceprints_becomes_a_column_of_vectors(run: Run, tmp_path: Path) -> None:
    """Bit for bit and in order, with model, source and row beside each."""
    made = vectors(450)
    source = archive(tmp_path / "archive.parquet", made, id=[f"caller-{number}" for number in range(450)])
    done = run("convert", source, tmp_path / "out", "--key", "id", "--rows-per-file", "200")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    table = written(tmp_path / "out")
    assert matrix(table).tobytes() == made.tobytes()
    assert table.schema.field("vector").type == pa.list_(pa.field("item", pa.float32(), nullable=False), DIMENSION)
    assert table["model"].unique().to_pylist() == ["golden-model"]
    assert table["space"].unique().to_pylist() == ["golden-space"]
    assert table["source"].unique().to_pylist() == [str(source)]
    assert table["row"].to_pylist() == list(range(450))
    assert table["key"].to_pylist() == [f"caller-{number}" for number in range(450)]
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) == 3
    assert "450 rows in, 450 vectors, 0 rejects" in done.stderr


def test_every_bad_row_is_named(run: Run, tmp_path: Path) -> None:
    """Rows in are rows out and rejects, and the exit code tells that there were some."""
    texts = [to_base64(encode(voiceprint(vector=vector))) for vector in vectors(5)]
    texts[1] = texts[1][:-8] + "AAAAAAAA"
    texts[2] = "****"
    texts[4] = to_base64(encode(silent()))
    pq.write_table(pa.table({"voiceprint": texts}), tmp_path / "archive.parquet")
    done = run("convert", tmp_path / "archive.parquet", tmp_path / "out")
    assert done.returncode == ExitCode.REFUSED, done.stderr
    assert matrix(written(tmp_path / "out")).tobytes() == vectors(5)[[0, 3]].tobytes()
    assert [(one["row"], one["type"]) for one in rejects(tmp_path / "out")] == [
        (1, "voiceprint.damaged"),
        (2, "voiceprint.malformed"),
        (4, "voiceprint.no-speech"),
    ]
    assert "5 rows in, 2 vectors, 3 rejects" in done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an output but its manifest, which names its inputs' times."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "_manifest.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_run_that_was_killed_goes_on(run: Run, tmp_path: Path) -> None:
    """Whenever it is killed: the parts that were done stay as they are, and the end is that of a run in one go."""
    made = vectors(12_000)
    made[77] = 0
    source = archive(tmp_path / "archive.parquet", made, row_group_size=500)
    words = ("convert", "archive.parquet", "--rows-per-file", "500", "--processes", "2")
    whole = run(*words, "whole")
    assert whole.returncode == ExitCode.REFUSED, whole.stderr
    command = [Path(sys.executable).with_name("voiceprint"), *words, "killed"]
    done: set[str] = set()
    for parts in (1, 5, 12):
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True) as process:
            assert process.stderr is not None
            for _ in range(parts - len(done)):
                process.stderr.readline()
            os.killpg(process.pid, signal.SIGKILL)
        now = {name for name in contents(tmp_path / "killed") if name.startswith("part-")}
        assert done <= now
        done = now
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed/_records").glob("*.json")}
    assert 0 < len(before) < 24
    ended = run(*words, "killed")
    assert ended.returncode == ExitCode.REFUSED, ended.stderr
    assert "12,000 rows in, 11,999 vectors, 1 rejects" in ended.stderr
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert matrix(written(tmp_path / "killed")).tobytes() == np.delete(made, 77, axis=0).tobytes()
    assert [one["row"] for one in rejects(tmp_path / "killed")] == [77]
    again = run(*words, "killed")
    assert again.returncode == ExitCode.REFUSED
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert source.exists()


def test_shards_know_nothing_of_each_other(run: Run, tmp_path: Path) -> None:
    """In any order, each does its share once; the last one tells of all, and the output is that of one run."""
    archive(tmp_path / "archive.parquet", vectors(700))
    words = ("convert", "archive.parquet", "--rows-per-file", "100")
    for number, told in ((3, "200 rows in"), (1, "300 rows in"), (2, "700 rows in, 700 vectors, 0 rejects")):
        done = run(*words, "--shard", f"{number}/3", "shards")
        assert done.returncode == 0, done.stderr
        assert told in done.stderr
    assert run(*words, "one").returncode == 0
    assert contents(tmp_path / "shards") == contents(tmp_path / "one")
    refused = run(*words, "--shard", "4/3", "shards")
    assert refused.returncode == ExitCode.MISCONFIGURED
    assert "no share" in refused.stderr


def test_another_conversion_is_not_mixed_in(run: Run, tmp_path: Path) -> None:
    """An output that was begun with other options or inputs is refused, and says which."""
    archive(tmp_path / "a.parquet", vectors(3))
    archive(tmp_path / "b.parquet", vectors(3, seed=1))
    assert run("convert", "a.parquet", "out").returncode == 0
    other = run("convert", "a.parquet", "--normalise", "out")
    assert other.returncode == ExitCode.MISCONFIGURED
    assert "--normalise False, not True" in other.stderr
    other = run("convert", "b.parquet", "out")
    assert other.returncode == ExitCode.MISCONFIGURED
    assert "other inputs" in other.stderr


def test_vectors_change_only_when_asked(run: Run, tmp_path: Path) -> None:
    """Of unit length, shorter or in 16 bits only by their options, which the output tells."""
    made = vectors(20)
    archive(tmp_path / "a.parquet", made)
    words = ("--to-dimension", "64", "--normalise", "--dtype", "float16")
    done = run("convert", "a.parquet", *words, "out")
    assert done.returncode == 0, done.stderr
    table = written(tmp_path / "out")
    short = made[:, :64].astype(np.float64)
    expected = (short / np.linalg.norm(short, axis=1, keepdims=True)).astype(np.float32).astype(np.float16)
    assert table["vector"].combine_chunks().flatten().to_numpy().tobytes() == expected.tobytes()
    assert json.loads(table.schema.metadata[b"voiceprint"]) == {
        "dimension": 64,
        "dtype": "float16",
        "normalised": True,
        "from_dimension": 256,
    }
    assert "unit length: yes" in done.stderr


def test_many_formats_at_once(run: Run, tmp_path: Path) -> None:
    """A folder of whatever archives hold, by a pattern or whole, into every form of output."""
    (tmp_path / "in/deep").mkdir(parents=True)
    for number, content in enumerate(SAMPLES.values()):
        (tmp_path / f"in/deep/{number:02d}.bin").write_bytes(content)
    single = {"container", "phonexia", "npy, a vector"}
    known = sum(1 if name in single else 3 for name in SAMPLES)
    for to in ("parquet", "npy"):
        done = run("convert", "in", "--model", "golden-model", "--to", to, f"out-{to}")
        assert done.returncode == 0, done.stderr
        assert f"{known} rows in, {known} vectors, 0 rejects" in done.stderr
    found = matrix(written(tmp_path / "out-parquet"))
    assert np.load(tmp_path / "out-npy/part-00000.npy", allow_pickle=False).tobytes() == found.tobytes()
    beside = (tmp_path / "out-npy/_part-00000.rows.ndjson").read_text().splitlines()
    assert [json.loads(line)["row"] for line in beside] == written(tmp_path / "out-parquet")["row"].to_pylist()
    # What stands beside the vectors is no part of the folder.
    back = run("convert", "out-npy", "--model", "golden-model", "back")
    assert f"{known} vectors, 0 rejects" in back.stderr, back.stderr
    assert matrix(written(tmp_path / "back")).tobytes() == found.tobytes()
    nameless = run("convert", "in/deep/*.bin", "nameless")
    assert nameless.returncode == ExitCode.REFUSED
    unnamed = run("convert", "in/deep/01.bin", "unnamed")
    assert unnamed.returncode == ExitCode.MISCONFIGURED
    assert "--model" in unnamed.stderr


def test_a_script_file_and_an_address(run: Run, tmp_path: Path) -> None:
    """An index leads to its archive beside it, and addresses are read and written by Arrow's file systems."""
    content = SAMPLES["kaldi"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.ark").write_bytes(content)
    (tmp_path / "in/a.scp").write_text(f"three a.ark:{content.rindex(bytes(1) + b'BFV')}\n")
    done = run("convert", "in/a.scp", "--model", "m", f"file://{tmp_path}/out")
    assert done.returncode == 0, done.stderr
    table = written(tmp_path / "out")
    assert table["key"].to_pylist() == ["three"]
    done = run("convert", f"file://{tmp_path}/out", "--model", "m", f"file://{tmp_path}/again")
    assert done.returncode == 0, done.stderr
    assert matrix(written(tmp_path / "again")).tobytes() == matrix(table).tobytes()


def test_models_and_spaces_come_back(run: Run, tmp_path: Path) -> None:
    """What was written is read again without anybody naming the model, of several models and by way of every format
    that has a place for it."""
    made = [voiceprint(model=f"model-{n % 3}", space=f"space-{n % 3}", vector=one) for n, one in enumerate(vectors(9))]
    (tmp_path / "0").write_text("\n".join(to_base64(encode(one)) for one in made))
    for step, to in enumerate(("parquet", "arrow", "ndjson", "base64", "parquet")):
        done = run("convert", str(step), "--to", to, str(step + 1))
        assert done.returncode == 0, done.stderr
    table = written(tmp_path / "5")
    for name in ("model", "space"):
        assert table[name].to_pylist() == [getattr(one, name) for one in made]
    assert matrix(table).tobytes() == vectors(9).tobytes()


def test_what_kills_processes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process that dies at a part ends the run, which says of which file that is, and can be gone on with."""
    source = archive(tmp_path / "archive.parquet", vectors(300))
    monkeypatch.setattr(Converting, "PROCESS_BYTES", 1)
    job = Job(Converting(), rows_per_file=100)
    started = begun(job, [str(source)], str(tmp_path / "out"), Shard(), Means())
    # In such an environment no process comes to life.
    with pytest.raises(Internal, match=f"2 processes died at part ., which is of {source}"):
        list(local.done(started, Means(), 2, [{"PYTHONHOME": "/nowhere"}]))
    assert len(list(local.done(started, Means(), 2))) >= 3
    assert started.ended(Means())[0].vectors == 300
