"""`voiceprint convert` into vector databases: LanceDB itself, and Qdrant's client against its own local mode."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lancedb.index import IvfFlat
from qdrant_client import models

from appliance.commands.bulk_output import destination
from schemas.errors import ConfigurationError
from schemas.voiceprint import encode, to_base64
from tasks.bulk import local, sinks
from tasks.bulk.converting import Converting
from tasks.bulk.job import Job
from tasks.bulk.ledger import Record
from tasks.bulk.means import Means
from tasks.bulk.run import Shard, begun
from tests.qdrant_over_http import Qdrant, serving
from tests.unit.schemas.sample_voiceprints import voiceprint

DIMENSION = 16
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Database:
    """A database with tables: `address` is that of a table, `rows` gives what is in one, by its ids."""

    address: Callable[[str], str]
    rows: Callable[[str], dict[str, dict[str, Any]]]
    # What it makes of vectors that it compares by their cosine.
    kept: Callable[[Floats], Floats]


@pytest.fixture(scope="module")
def qdrant() -> Iterator[Qdrant]:
    with serving() as served:
        yield served


@pytest.fixture(params=["lancedb", "qdrant"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "lancedb":
        return Database(
            lambda table: f"lancedb://{tmp_path}/db/{table}",
            lambda table: {one.pop("id"): one for one in _table(tmp_path, table).to_arrow().to_pylist()},
            lambda vectors: vectors,
        )
    served: Qdrant = request.getfixturevalue("qdrant")
    mark = tmp_path.name
    return Database(
        lambda table: f"qdrant://127.0.0.1:{served.port}/{mark}-{table}",
        lambda table: _points(served, f"{mark}-{table}"),
        lambda vectors: vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )


def _table(folder: Path, name: str) -> Any:
    return lancedb.connect(folder / "db").open_table(name)


def _points(served: Qdrant, name: str) -> dict[str, dict[str, Any]]:
    points, _ = served.engine.scroll(name, limit=100_000, with_vectors=True)
    return {str(one.id): {**(one.payload or {}), "vector": one.vector} for one in points}


def vectors(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


def archive(path: Path, made: Floats, group: int = 100, **others: Any) -> Path:
    """Parquet with a column of Base64 containers."""
    told = {name: others.pop(name) for name in ("model", "space") if name in others}
    texts = [to_base64(encode(voiceprint(vector=vector, **told))) for vector in made]
    pq.write_table(pa.table({"voiceprint": texts, **others}), path, row_group_size=group)
    return path


def put(source: Path, address: str, records: str = "records", processes: int = 1, **options: Any) -> Record:
    """As the command does it."""
    sink = sinks.find(address)
    assert sink is not None
    job = Job(Converting(one_space=True, **options), sink.normal(address), 100)
    run = begun(job, [str(source)], str(source.parent / records), Shard(), Means())
    for _ in local.done(run, Means(), processes):
        pass
    record, left = run.ended(Means())
    assert left == 0
    return record


def test_every_row_is_there_once(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its vector and where it came from, however often it is put in, and by however many processes."""
    monkeypatch.setattr(Converting, "PROCESS_BYTES", 1)
    made = vectors(250)
    source = archive(tmp_path / "a.parquet", made, id=[f"caller-{number}" for number in range(250)])
    for records, processes in (("first", 2), ("first", 1), ("second", 1)):
        assert put(source, database.address("calls"), records, processes).vectors == 250
    rows = database.rows("calls")
    assert len(rows) == 250
    for number in (0, 99, 100, 249):
        row = rows[str(uuid.uuid5(uuid.NAMESPACE_URL, f"{source}#{number}"))]
        told = {name: row[name] for name in ("source", "row", "key", "model", "space")}
        assert told == {
            "source": str(source),
            "row": number,
            "key": f"caller-{number}",
            "model": "golden-model",
            "space": "golden-space",
        }
    order = sorted(rows.values(), key=lambda row: int(row["row"]))
    found = np.array([row["vector"] for row in order], np.float32)
    assert np.allclose(found, database.kept(made), rtol=1e-6, atol=0)


def test_a_float32_is_kept_bit_for_bit(tmp_path: Path) -> None:
    """By LanceDB, of whatever length the vector is."""
    made = vectors(120) * np.float32(1e-20)
    put(archive(tmp_path / "a.parquet", made), f"lancedb://{tmp_path}/db/calls")
    table = _table(tmp_path, "calls").to_arrow().sort_by("row")
    assert table["vector"].combine_chunks().flatten().to_numpy().tobytes() == made.tobytes()
    assert table.schema.field("vector").type == pa.list_(pa.float32(), DIMENSION)


def test_a_search_goes_by_the_cosine(database: Database, qdrant: Qdrant, tmp_path: Path) -> None:
    """Without whoever searches saying so."""
    made = vectors(120)
    address = database.address("calls")
    put(archive(tmp_path / "a.parquet", made), address)
    asked = (made[7] * 100).tolist()
    if address.startswith("lancedb"):
        table = _table(tmp_path, "calls")
        (nearest,) = table.search(asked).limit(1).to_list()
        assert nearest["_distance"] == pytest.approx(0, abs=1e-6)
        assert table.index_stats("vector_idx").distance_type == "cosine"
        assert table.index_stats("vector_idx").num_indexed_rows == 120
    else:
        collection = address.rpartition("/")[2]
        (point,) = qdrant.engine.query_points(collection, asked, limit=1).points
        assert point.score == pytest.approx(1, abs=1e-6)
        nearest = point.payload or {}
        assert qdrant.engine.get_collection(collection).config.params.vectors == models.VectorParams(
            size=DIMENSION, distance=models.Distance.COSINE
        )
    assert nearest["row"] == 7


def test_a_key_is_an_id(database: Database, tmp_path: Path) -> None:
    """Where it is asked for: another archive's vector takes the place of the one of the same key, and a key that two
    rows of one archive have is told."""
    put(archive(tmp_path / "a.parquet", vectors(5), id=list("abcde")), database.address("calls"), "a", key="id")
    newer = vectors(3, seed=1)
    put(archive(tmp_path / "b.parquet", newer, id=["d", None, "f"]), database.address("calls"), "b", key="id")
    rows = database.rows("calls")
    assert sorted(str(row.get("key")) for row in rows.values()) == ["None", "a", "b", "c", "d", "e", "f"]
    replaced = rows[str(uuid.uuid5(uuid.NAMESPACE_OID, "d"))]
    assert replaced["source"] == str(tmp_path / "b.parquet")
    assert np.allclose(replaced["vector"], database.kept(newer)[0], rtol=1e-6, atol=0)
    twice = archive(tmp_path / "c.parquet", vectors(150), id=[f"{number % 149}" for number in range(150)])
    with pytest.raises(ConfigurationError, match="1 of 150 vectors were replaced"):
        put(twice, database.address("other"), "c", key="id")


def test_what_does_not_belong_together_is_kept_apart(database: Database, tmp_path: Path) -> None:
    """A table is refused to vectors of another embedding space or length; within an archive, those are rejects."""
    put(archive(tmp_path / "a.parquet", vectors(5)), database.address("calls"), "a")
    other = archive(tmp_path / "b.parquet", vectors(5), space="other-space")
    with pytest.raises(ConfigurationError, match="of the embedding space golden-space, not of other-space: name a ta"):
        put(other, database.address("calls"), "b")
    with pytest.raises(ConfigurationError, match=r"has vectors of .*16.*, not of .*8"):
        put(tmp_path / "a.parquet", database.address("calls"), "c", to_dimension=8)
    mixed = [encode(voiceprint(vector=vectors(1)[0], space=space)) for space in ("x", "y", "x")]
    pq.write_table(pa.table({"voiceprint": mixed}), tmp_path / "d.parquet")
    assert put(tmp_path / "d.parquet", database.address("mixed"), "d").rejects == {"voiceprint.space-mismatch": 1}
    assert {row["space"] for row in database.rows("mixed").values()} == {"x"}
    pq.write_table(pa.table({"voiceprint": [b"nothing"]}), tmp_path / "e.parquet")
    with pytest.raises(ConfigurationError, match="no table can be made"):
        put(tmp_path / "e.parquet", database.address("empty"), "e")


def test_another_metric_is_refused(qdrant: Qdrant, tmp_path: Path) -> None:
    """As are tables of other columns, and collections with several vectors in each point."""
    source = archive(tmp_path / "a.parquet", vectors(5))
    put(source, f"lancedb://{tmp_path}/db/calls")
    _table(tmp_path, "calls").create_index("vector", config=IvfFlat(distance_type="dot"))
    lancedb.connect(tmp_path / "db").create_table("foreign", [{"vector": [1.0] * DIMENSION}])
    for table, told in (("calls", "of the metric dot, not of cosine"), ("foreign", "has the columns vector:")):
        with pytest.raises(ConfigurationError, match=told):
            put(source, f"lancedb://{tmp_path}/db/{table}", table)
    euclid = models.VectorParams(size=DIMENSION, distance=models.Distance.EUCLID)
    half = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE, datatype=models.Datatype.FLOAT16)
    qdrant.engine.create_collection("euclid", euclid)
    qdrant.engine.create_collection("named", {"voice": euclid})
    qdrant.engine.create_collection("half", half)
    for table, told in (("euclid", "by euclid, not"), ("named", "several vectors"), ("half", "as float16, not")):
        with pytest.raises(ConfigurationError, match=told):
            put(source, f"qdrant://127.0.0.1:{qdrant.port}/{table}", table)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("lancedb://calls", "names no table: lancedb://FOLDER/TABLE"),
        ("lancedb:///dev/null/db/calls", "cannot be used"),
        ("qdrant://host", "qdrant://HOST:PORT/COLLECTION"),
        ("qdrant://host:x/calls", "qdrant://HOST:PORT/COLLECTION"),
        ("qdrant://name:hush@host/calls", "VOICEPRINT_QDRANT_API_KEY"),
        ("qdrant://127.0.0.1:1/calls", "cannot be used"),
        ("qdrant://qdrant.example/calls", "qdrants://"),
    ],
)
def test_an_address_that_cannot_be(address: str, told: str) -> None:
    """Names what is wrong, and never a secret; an API key does not go over a network for all to read."""
    sink = sinks.find(address)
    assert sink is not None
    with pytest.raises(ConfigurationError, match=told) as refused:
        sink.prepare(sink.normal(address), sinks.Identity(4, "s"), Means(qdrant_api_key="hush"))
    assert "hush" not in str(refused.value) + repr(Means(qdrant_api_key="hush"))


def test_where_it_goes() -> None:
    """Formats are for folders, and a folder of records for databases, which are named alike wherever one stands."""
    assert destination("out", None, None) == ("parquet", "out")
    assert destination("lancedb:///db/calls", None, None) == ("lancedb:///db/calls", "calls.records")
    assert destination("lancedb://db/calls", None, "r") == (f"lancedb://{Path.cwd()}/db/calls", "r")
    assert destination("qdrant://host:1/a/b", None, None) == ("qdrant://host:1/a/b", "b.records")
    for output, to, records in (("out", None, "r"), ("qdrant://host/calls", "npy", None)):
        with pytest.raises(ConfigurationError):
            destination(output, to, records)


def run(tmp_path: Path, *words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "VOICEPRINT_DATA_DIR": str(tmp_path / "data"), **settings},
    )


def command(*words: str | Path) -> list[str | Path]:
    return [Path(sys.executable).with_name("voiceprint"), "convert", *words]


def test_a_run_that_was_killed_goes_on(database: Database, qdrant: Qdrant, tmp_path: Path) -> None:
    """In the end every row is there, and none twice; the API key stands in nothing that is left."""
    made = vectors(1_200)
    archive(tmp_path / "a.parquet", made)
    words = ("a.parquet", "--rows-per-file", "100", database.address("calls"))
    key = {"VOICEPRINT_QDRANT_API_KEY": "hush"}
    with subprocess.Popen(
        command(*words),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env={**os.environ, "VOICEPRINT_DATA_DIR": str(tmp_path / "data"), **key},
    ) as process:
        assert process.stderr is not None
        for _ in range(3):
            process.stderr.readline()
        process.kill()
    folder = tmp_path / f"{database.address('calls').rpartition('/')[2]}.records"
    before = set(folder.glob("_records/*.json"))
    assert 0 < len(before) < 12
    # As after a kill between a part's last entry and its record.
    before.pop().unlink()
    ended = run(tmp_path, *words, **key)
    assert ended.returncode == 0, ended.stderr
    assert "1,200 rows in, 1,200 vectors, 0 rejects" in ended.stderr
    rows = database.rows("calls")
    assert sorted(row["row"] for row in rows.values()) == list(range(1_200))
    assert "hush" not in (folder / "_manifest.json").read_text() + ended.stderr
    if database.address("").startswith("qdrant"):
        assert "hush" in qdrant.keys
