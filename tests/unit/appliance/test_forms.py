"""Forms, however they are cut into pieces on their way."""

import asyncio
import random

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from multipart import MultipartSegment

from appliance import forms
from schemas.errors import RequestInvalid

TYPE = "multipart/form-data; boundary=edge"
# What looks like a boundary and is none, at the beginning, within and at the end.
NEARLY = b"\r\n--edg" + b"\r\n--edgf" * 3 + b"\r" + b"x" * 5000 + b"\r\n-" + b"\r\n"
CONTENTS = [b"", b"\r\n", b"\r", NEARLY, bytes(20_000) + NEARLY * 3, b"-edge--edge", b"\n--edge\n"]


def whole(contents: list[bytes]) -> bytes:
    head = 'Content-Disposition: form-data; name="{}"; filename="a; name=b"\r\nX-Other: 1\r\n\r\n'
    parts = (b"--edge\r\n" + head.format(number).encode() + content for number, content in enumerate(contents))
    return b"\r\n".join([b"a line before", *parts, b"--edge--\r\nand one after"])


async def read(body: bytes, cuts: list[int], content_type: str = TYPE) -> list[tuple[str, bytes]]:
    """Names and contents of the parts of a body that comes in pieces, one with each turn of the event loop."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    stream = StreamReader(protocol, 1 << 16, loop=loop)

    async def feed() -> None:
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
            if end > start:
                stream.feed_data(body[start:end])
                await asyncio.sleep(0)
        stream.feed_eof()

    feeding = asyncio.create_task(feed())
    found: list[tuple[MultipartSegment, bytes]] = []
    async for part, piece in forms.pieces(content_type, stream):
        before = found.pop()[1] if found and found[-1][0] is part else b""
        found.append((part, before + piece))
    await feeding
    return [(part.name or "", content) for part, content in found]


@pytest.mark.parametrize("seed", range(60))
async def test_pieces_do_not_matter(seed: int) -> None:
    """Every part is what was sent, wherever the body was cut, small or large pieces."""
    chance = random.Random(seed)  # noqa: S311
    contents = chance.sample(CONTENTS, 4)
    body = whole(contents)
    cuts = sorted(chance.randrange(len(body)) for _ in range(chance.choice([0, 1, 5, 400])))
    assert await read(body, cuts) == [(str(number), content) for number, content in enumerate(contents)]


async def test_byte_by_byte() -> None:
    """A client may send no more than a byte at a time."""
    body = whole([b"\r\n--edg", b"", b"abc"])
    assert await read(body, list(range(1, len(body)))) == [("0", b"\r\n--edg"), ("1", b""), ("2", b"abc")]


@pytest.mark.parametrize("length", range(0, 400, 3))
async def test_a_form_that_is_cut_off_is_none(length: int) -> None:
    """Wherever its end is missing, up to the last boundary."""
    body = whole([b"abc", NEARLY[:100]])
    body = body[: body.index(b"--edge--") + len(b"--edge-")]
    with pytest.raises(RequestInvalid):
        await read(body[: min(length, len(body))], [])


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="file"', "file"),
        ("form-data; name=file", "file"),
        ("form-data; NAME = file ; filename=x", "file"),
        ('form-data; filename="; name=\\"no\\"; name=no"; name="file"', "file"),
        ('form-data; filename="x"', ""),
        ("form-data", ""),
        ('form-data; name="a\\"b"', 'a"b'),
        ('form-data; name=""', ""),
    ],
)
async def test_a_part_is_called_what_it_says(disposition: str, name: str) -> None:
    """Whatever else its header holds."""
    body = f"--edge\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--edge--"
    assert await read(body.encode(), []) == [(name, b"x")]


@pytest.mark.parametrize("given", ["edge", '"edge"', '"edge"; charset=utf-8', "edge ; x=y"])
async def test_boundaries_as_clients_write_them(given: str) -> None:
    """In quotes or without, and whatever follows."""
    assert await read(whole([b"x"]), [], f"Multipart/Form-Data; Boundary={given}") == [("0", b"x")]
