"""One voiceprint in a cell, told by its content: what is recognised whole wins, and bare numbers are the rest."""

import struct

import numpy as np
import numpy.typing as npt
import pytest

from schemas.cells import Column, Reader, Unusable
from schemas.voiceprint import to_base64
from tests.unit.schemas.formats.sample_files import CONTAINERS, VECTORS, decimals, ubjson

CELLS = [CONTAINERS[0], ubjson(VECTORS[0]), str(decimals(VECTORS[0])).encode()]


def read(*cells: bytes, raw: str | None = None, contents: bool = False) -> list[npt.NDArray[np.float32] | str]:
    """The vector of each cell, or the kind of what is wrong with it."""
    reader, made = Reader(raw=raw), dict[int, npt.NDArray[np.float32] | str]()
    for one in (reader.read_contents if contents else reader.read)(Column.of(cells)):
        if isinstance(one, Unusable):
            made[one.place] = one.error.kind
        else:
            made |= zip(one.places.tolist(), one.vectors, strict=True)
    assert sorted(made) == list(range(len(cells)))
    return [made[place] for place in range(len(cells))]


@pytest.mark.parametrize("raw", [None, "<f4"])
@pytest.mark.parametrize("times", [1, 3])
def test_every_kind(raw: str | None, times: int) -> None:
    """As bytes and as Base64, alone and among others, also where bare numbers are asked for."""
    texts = [to_base64(cell).encode() for cell in CELLS[:2]]
    for cells, contents in ((CELLS + texts, False), (CELLS, True)):
        for found in read(*cells * times, raw=raw, contents=contents):
            np.testing.assert_array_equal(found, VECTORS[0])


@pytest.mark.parametrize("first", [b"[", b"{i", b"ZOV", b"VPT ", b"\x80", b" ", b"Wk9W"])
@pytest.mark.parametrize("text", [False, True])
def test_bare_numbers_begin_like_anything(first: bytes, text: bool) -> None:
    """Those that begin like something else are numbers all the same, as bytes and as Base64, padded or not."""
    cells = [first.ljust(size, b"\xfb") for size in (8, 12, 16)]
    given = [to_base64(cell).encode() for cell in cells] if text else cells
    for found, cell in zip(read(*given, raw="<f4"), cells, strict=True):
        assert isinstance(found, np.ndarray)
        assert found.tobytes() == cell


def test_bare_numbers_are_not_guessed() -> None:
    """Where they are not asked for they are no voiceprint, and neither is a number that is cut off."""
    numbers = struct.pack("<4f", *range(4))
    assert read(to_base64(numbers).encode(), numbers, contents=True) == ["voiceprint.wrong-magic"] * 2
    assert read(numbers[:-1], b"", raw="<f4") == ["voiceprint.truncated", "voiceprint.malformed"]


def test_contents_are_not_decoded_again() -> None:
    """Base64 of Base64 is no voiceprint, and a container among others is told what is wrong with it once."""
    damaged = CONTAINERS[0][:-1] + bytes([CONTAINERS[0][-1] ^ 1])
    found = read(to_base64(CONTAINERS[0]).encode(), damaged, b"", CONTAINERS[1], contents=True)
    assert found[:3] == ["voiceprint.wrong-magic", "voiceprint.damaged", "voiceprint.wrong-magic"]
    np.testing.assert_array_equal(found[3], VECTORS[1])
