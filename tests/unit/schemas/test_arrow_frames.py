"""Arrow streams are looked through before they are read: what could grow in memory is refused by name."""

import io
import re
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.arrow_frames import look_through
from schemas.errors import VoiceprintError
from tests.unit.schemas.sample_voiceprints import PROPERTY

TABLE = pa.table({"voiceprint": ["one", "two"]})


def stream(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, 1)
    return file.getvalue()


WHOLE = stream(TABLE)


@pytest.mark.parametrize("table", [TABLE, TABLE.slice(0, 0), pa.table({"vector": [[1.0], None]})])
def test_a_plain_stream(table: pa.Table) -> None:
    """It may be read, from its beginning."""
    file = io.BytesIO(stream(table))
    look_through(file)
    assert pa.ipc.open_stream(file).read_all() == table


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (WHOLE[:-8], "ends"),
        (WHOLE[:-20], "ends within"),
        (b"\xff\xff\xff\xff" + bytes(4), "before its schema"),
        (WHOLE[:100], "ends"),
        (b"", "ends"),
        (WHOLE + b"\n", "1 bytes follow"),
        (WHOLE + WHOLE, "follow"),
        (b"ARROW1\0\0", "no Arrow stream"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f", "2,147,483,647 bytes"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", "-1 bytes"),
        (b"\xff\xff\xff\xff\x08\0\0\0" + bytes(8), "schema"),
        (b"\xff\xff\xff\xff\x08\0\0\0" + b"\xff" * 8, "damaged"),
        (stream(TABLE, compression="zstd"), "compressed"),
        (stream(TABLE, compression="lz4"), "compressed"),
        (stream(pa.table({"voiceprint": pa.array(["one"] * 9).dictionary_encode()})), "dictionaries"),
        (stream(pa.table({"voiceprint": pa.array(["one" * 9] * 9, pa.string_view())})), "views"),
        (stream(pa.table({"voiceprint": pa.array([b""] * 9, pa.binary(0))})), "more rows than bytes"),
        (stream(pa.table({"voiceprint": pa.nulls(9)})), "more rows than bytes"),
    ],
)
def test_what_is_refused(body: bytes, told: str) -> None:
    """Each by its name."""
    with pytest.raises(VoiceprintError, match=re.escape(told)):
        look_through(io.BytesIO(body))


def test_a_batch_that_is_too_large() -> None:
    """It is refused by what it says of itself, before it is read, and the cure is named."""
    place = WHOLE.index(b"\xff\xff\xff\xff", 4)
    message = bytearray(WHOLE[place : place + 400])
    size = len(stream(TABLE.slice(0, 1))) - len(stream(TABLE.slice(0, 0)))
    for at in range(len(message) - 8):
        if 0 < int.from_bytes(message[at : at + 8], "little") < size and at % 8 == 0:
            grown = bytearray(WHOLE)
            grown[place + at : place + at + 8] = (1 << 40).to_bytes(8, "little")
            with pytest.raises(VoiceprintError) as caught:
                look_through(io.BytesIO(bytes(grown)))
            if "max_chunksize" in caught.value.message:
                return
    pytest.fail("no number in the message is the length of its batch")


@PROPERTY
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6), st.binary(max_size=64))
def test_whatever_comes(changes: list[tuple[int, int]], more: bytes) -> None:
    """No bytes do anything but pass or be refused."""
    body = bytearray(WHOLE)
    for place, value in changes:
        body[place] = value
    for content in (bytes(body) + more, bytes(body), more):
        with suppress(VoiceprintError):
            look_through(io.BytesIO(content))
