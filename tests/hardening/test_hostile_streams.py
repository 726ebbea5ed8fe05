"""Streams in bulk that nobody here has made: each is refused by name, or its bad rows are."""

import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from schemas.representations import ARROW, NDJSON
from tests.conftest import API, ended
from tests.hardening.wire import assert_refused
from tests.unit.tasks.jobs.made_voiceprints import directions, text

BULK = f"{API}/speaker-identification-voiceprint-bulk-conversion"
GOOD = f'"{text(directions(1)[0])}"\n'.encode()
MEGABYTE = 1 << 20


def stream(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return file.getvalue()


TABLE = pa.table({"voiceprint": [json.loads(GOOD)] * 3})
WHOLE = stream(TABLE)


def sent(client: httpx.Client, body: Any, kind: str = NDJSON, **parameters: str) -> tuple[dict[str, Any], str]:
    answer = client.post(BULK, content=body, headers={"Content-Type": kind}, params=parameters)
    assert answer.status_code == 202, answer.text
    return ended(client, answer.headers["Location"]), answer.headers["Location"]


def long_line() -> Iterator[bytes]:
    yield b'"'
    for _ in range(100):
        yield b"A" * MEGABYTE
    yield b'"\n'


LINES = {
    "a line of a hundred megabytes": (long_line, "too long"),
    "nested a hundred thousand times": (lambda: b"[" * 100_000 + b"\n", "not JSON"),
    "nested in order": (lambda: b"[" * 500 + b"]" * 500 + b"\n", "neither"),
    "NaN": (lambda: b"[1, NaN]\n", "not JSON"),
    "infinity": (lambda: b"[1, 1e999]\n", ""),
    "a number of a thousand digits": (lambda: b"[" + b"9" * 1000 + b"]\n", ""),
    "no UTF-8": (lambda: b'{"id": "\xff\xfe", "vector": [1]}\n', "UTF-8"),
    "half a character": (lambda: b'"\\ud800"\n', "not JSON"),
    "zeros": (lambda: bytes(1000) + b"\n", "not JSON"),
    "an empty list": (lambda: b"[]\n", ""),
    "lists of lists": (lambda: b"[[1, 2], [3, 4]]\n", "neither"),
    "a pickle": (lambda: b'"gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJsc5SFlFKULg=="\n', "pickle"),
    "a key as long as a book": (lambda: b'{"id": "' + b"k" * 7_000_000 + b'", "vector": 1}\n', "neither"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_spoils_no_other(client: httpx.Client, name: str) -> None:
    """It is a reject with its reason, and the rows around it have their vectors."""
    make, told = LINES[name]
    made = make()

    def body() -> Iterator[bytes]:
        yield GOOD
        yield from [made] if isinstance(made, bytes) else made
        yield GOOD

    state, location = sent(client, body())
    assert (state["result"]["rows"], state["result"]["vectors"]) == (3, 2), state
    rows = [json.loads(row) for row in client.get(location, headers={"Accept": NDJSON}).text.splitlines()]
    assert [row["row"] for row in rows if "vector" not in row] == [1]
    assert told in rows[1]["message"]
    assert client.delete(location).status_code == 204


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (WHOLE[:-8], "ends"),
        (WHOLE[: len(WHOLE) // 2], "ends within"),
        (WHOLE + b"more", "follow the end"),
        (stream(TABLE, compression="zstd"), "compressed"),
        (stream(TABLE.set_column(0, "voiceprint", TABLE.column(0).dictionary_encode())), "dictionaries"),
        (stream(pa.table({"voiceprint": pa.array([b""] * 9, pa.binary(0))})), "more rows than bytes"),
        (stream(pa.table({"numbers": [1, 2]})), "which column"),
        (b"\xff\xff\xff\xff" + bytes(range(256)) * 9, ""),
        (WHOLE[:60] + b"\xff" * 40 + WHOLE[100:], ""),
    ],
)
def test_an_arrow_stream_that_cannot_be_read(client: httpx.Client, body: bytes, told: str) -> None:
    """The task is rejected and says from which row on, rather than done with a part of it."""
    state, _ = sent(client, body, ARROW)
    assert state["task"]["state"] == "rejected", state
    (detail,) = state["error"]["detail"]
    assert detail["location"][0] == "body"
    assert isinstance(detail["location"][1], int)
    assert told in detail["message"]


def test_what_is_refused_at_once(client: httpx.Client) -> None:
    """A body of nothing, one that is encoded, of another type or not of its type, and parameters that cannot be."""
    refusals = [
        (b"", {}, "", 422),
        (GOOD, {"Content-Encoding": "gzip"}, "", 415),
        (GOOD, {"Content-Type": "application/vnd.apache.parquet"}, "", 415),
        (WHOLE, {}, "", 400),
        (GOOD, {"Content-Type": ARROW}, "", 400),
        (b"ARROW1\0\0", {"Content-Type": ARROW}, "", 400),
        (GOOD, {}, "?dimension=0", 422),
        (GOOD, {}, "?dimension=4&to_dimension=5", 422),
        (GOOD, {}, "?raw=float64", 422),
        (GOOD, {}, f"?model_name={'m' * 65}", 422),
    ]
    kinds = {400: "request.invalid", 415: "request.unsupported-media", 422: "request.validation-error"}
    for content, headers, query, status in refusals:
        answer = client.post(f"{BULK}{query}", content=content, headers={"Content-Type": NDJSON} | headers)
        assert_refused(
            answer, status, kinds[status], *((tuple(d["location"]), d["type"]) for d in answer.json()["detail"])
        )
