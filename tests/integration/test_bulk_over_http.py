"""A stream of voiceprints of any length over HTTP: 202, a task, and its vectors or the reasons why there are none."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from appliance.ring_file import create
from appliance.settings import Settings
from schemas.keyring import KeyRing
from schemas.representations import ARROW, NDJSON
from schemas.signatures import Signatures
from schemas.voiceprint import to_base64
from tests.conftest import API, Appliance, ended, running
from tests.unit.schemas.formats.sample_files import ubjson
from tests.unit.schemas.sample_voiceprints import voiceprint
from tests.unit.tasks.jobs.made_voiceprints import directions, silent, text

BULK = f"{API}/speaker-identification-voiceprint-bulk-conversion"
A = directions(4)
MEGABYTE = 1 << 20


def stream(table: pa.Table, most: int | None = None) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, most)
    return file.getvalue()


def post(client: httpx.Client, body: Any, kind: str = NDJSON, **options: Any) -> str:
    """The address of the task."""
    headers = {"Content-Type": kind} | options.pop("headers", {})
    accepted = client.post(BULK, content=body, headers=headers, **options)
    assert accepted.status_code == 202, accepted.text
    return accepted.headers["Location"]


def summed(client: httpx.Client, location: str) -> dict[str, Any]:
    told: Any = ended(client, location)
    assert told["task"]["state"] == "done", told
    return dict(told["result"])


def rows(client: httpx.Client, location: str) -> list[dict[str, Any]]:
    """All of them, which JSON lines and Arrow tell alike."""
    summed(client, location)
    answer = client.get(location, headers={"Accept": NDJSON})
    assert answer.headers["Content-Type"] == NDJSON
    lines = [json.loads(line) for line in answer.content.splitlines()]
    table = pa.ipc.open_stream(client.get(location, headers={"Accept": ARROW}).content).read_all()
    table.validate(full=True)
    told = [{name: one for name, one in row.items() if name == "key" or one is not None} for row in table.to_pylist()]
    for line in lines:
        if "vector" in line:
            line["vector"] = np.array(line["vector"], np.float32).tolist()
    assert told == lines
    return lines


def test_json_lines(client: httpx.Client) -> None:
    """Every row of the body is a row of the result, with a vector or a reason, under its own number and key."""
    given = [
        text(A[0]),
        {"id": "second", "voiceprint": to_base64(ubjson(A[1]))},
        [float(str(value)) for value in A[2]],
        {"key": "odd", "vector": [1, 2, 3]},
        silent(model="theirs"),
        text(A[3]),
    ]
    body = "".join(f"{json.dumps(one)}\n" for one in given).encode() + b"\n{not json\n\xff\xfe\n"
    location = post(client, body, params={"model_name": "theirs"})
    found = rows(client, location)
    assert [row["row"] for row in found] == list(range(8))
    assert [row["key"] for row in found] == [None, "second", None, "odd", None, None, None, None]
    assert {row["row"]: row["vector"] for row in found if "vector" in row} == {1: A[1].tolist(), 2: A[2].tolist()}
    assert {row["model"] for row in found if "vector" in row} == {"theirs"}
    kinds = {row["row"]: row["type"].removeprefix("voiceprint.") for row in found if "type" in row}
    mismatch = dict.fromkeys((0, 3, 5), "space-mismatch")
    assert kinds == mismatch | {4: "no-speech", 6: "malformed", 7: "malformed"}
    summary = summed(client, location)
    assert (summary["rows"], summary["vectors"], summary["rejects"]) == (8, 2, 6)
    assert sum(summary["reject_types"].values()) == 6
    assert summary["models"] == {"theirs": 2}


@pytest.mark.parametrize("most", [None, 2])
def test_arrow(client: httpx.Client, most: int | None) -> None:
    """Columns of voiceprints as text or bytes, and of vectors; rows that are null are rejects."""
    texts = [text(A[0]), None, text(A[1]), "nothing", text(A[2])]
    keys = ["a", "b", None, "d", "e"]
    for column in (pa.array(texts), pa.array([one and one.encode() for one in texts], pa.large_binary())):
        found = rows(client, post(client, stream(pa.table({"utt": keys, "voiceprint": column}), most), ARROW))
        assert [row["key"] for row in found] == keys
        assert [row.get("vector") for row in found] == [A[0].tolist(), None, A[1].tolist(), None, A[2].tolist()]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(A.reshape(-1)), 256)
    asked = {"model_name": "own", "normalise": "true", "to_dimension": "16"}
    found = rows(client, post(client, stream(pa.table({"embedding": lists}), most), ARROW, params=asked))
    assert all(np.linalg.norm(row["vector"]) == pytest.approx(1) and len(row["vector"]) == 16 for row in found)


def test_sent_again_and_taken_back(client: httpx.Client) -> None:
    """The same body with the same key makes one task; what is erased is gone."""
    named = {"headers": {"Idempotency-Key": "archive 7"}}
    location = post(client, b"[1, 2]\n", **named)
    assert post(client, b"[1, 2]\n", **named) == location
    again = client.post(BULK, content=b"[1, 3]\n", headers={"Content-Type": NDJSON, "Idempotency-Key": "archive 7"})
    assert again.status_code == 409
    summed(client, location)
    assert client.delete(location).status_code == 204
    assert client.get(location, headers={"Accept": ARROW}).status_code == 404


@dataclass(frozen=True)
class Sealed:
    """An appliance with a key ring, and voiceprints as it signs them."""

    appliance: Appliance
    signatures: Signatures

    def line(self, vector: Any) -> bytes:
        return b'"%s"\n' % to_base64(self.signatures.encode(voiceprint(vector=vector))).encode()


@pytest.fixture(scope="module")
def sealed(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    folder = tmp_path_factory.mktemp("sealed")
    create(folder / "ring.json")
    own = {"http_port": 0, "grpc": "off", "workers": 1, "models_dir": models_dir, "key_ring": folder / "ring.json"}
    with running(Settings.model_validate(own | {"data_dir": folder})) as started:
        yield Sealed(started, Signatures.of(KeyRing.read(folder / "ring.json"), "refuse"))


def test_what_is_kept_is_sealed(sealed: Sealed) -> None:
    """With a key ring nothing of the body or the result stands in the store; what is not signed is a reject by name."""
    body = (sealed.line(A[0]) + f'"{text(A[1])}"\n{json.dumps(A[2].tolist())}\n'.encode()) * 500
    with sealed.appliance.client() as client:
        location = post(client, body)
        found = rows(client, location)
        kept = list((sealed.appliance.data_dir / "store/results").iterdir())
        assert kept
        for path in kept:
            content = path.read_bytes()
            assert b"voiceprint.not-signed" not in content
            assert A[0].tobytes() not in content
        assert [row.get("type") for row in found] == [None, "voiceprint.not-signed", "voiceprint.not-signed"] * 500
        assert client.delete(location).status_code == 204
        assert not list((sealed.appliance.data_dir / "store/results").iterdir())


def peaks(root: int) -> dict[int, int]:
    """The most bytes of memory that a process and those that it has started have had, each."""
    found = {}
    for line in Path(f"/proc/{root}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            found[root] = int(line.split()[1]) * 1024
    for child in Path(f"/proc/{root}/task/{root}/children").read_text().split():
        found |= peaks(int(child))
    return found


def passed(client: httpx.Client, lines: bytes, times: int) -> list[int]:
    """How many bytes went in and came out in either form."""
    location = post(client, (lines for _ in range(times)))
    summary = summed(client, location)
    assert (summary["rows"], summary["vectors"]) == (1000 * times, 1000 * times)
    sizes = [len(lines) * times]
    for form in (ARROW, NDJSON):
        with client.stream("GET", location, headers={"Accept": form}) as answer:
            sizes.append(sum(map(len, answer.iter_raw())))
    return sizes


def test_memory_does_not_grow_with_the_stream(sealed: Sealed) -> None:
    """Ten times as long a stream, of 300,000 voiceprints, takes no more of any process: not on the way in, not at work
    and not on the way out."""
    made = np.random.default_rng(0).normal(size=(1000, 32)).astype(np.float32)
    lines = b"".join(map(sealed.line, made))
    with sealed.appliance.client() as client:
        passed(client, lines, 30)
        before = peaks(sealed.appliance.process.pid)
        least = min(passed(client, lines, 300))
        after = peaks(sealed.appliance.process.pid)
    grown = {pid: after[pid] - peak for pid, peak in before.items() if pid in after}
    assert least > 48 * MEGABYTE
    assert max(grown.values()) < 24 * MEGABYTE, grown
