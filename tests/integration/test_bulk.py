"""`voiceprint convert` from end to end: archives of voiceprints to vectors, exact, none lost."""

import json
import os
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
from schemas.voiceprint import encode, to_base64
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
