"""Sealed files: what goes in comes out, or nothing does."""

import fcntl
import os
from pathlib import Path

import pytest

from schemas.keyring import KeyRing, Keys
from tasks import sealing
from tasks.sealing import CHUNK_BYTES, SealedFile, Sealer, Unsealable

OLD = KeyRing({1: bytes(range(32))}).derive("store")
KEYS = KeyRing({1: bytes(range(32)), 2: bytes(range(32, 64))}).derive("store")
HEADER, STORED = 44, CHUNK_BYTES + 16
SIZES = [0, 1, 16, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 100]


def content(size: int) -> bytes:
    return bytes(number * 7 % 251 for number in range(size))


def sealed(data: bytes, name: str = "one", keys: Keys = KEYS) -> bytes:
    sealer = Sealer(keys, name)
    return sealer.add(data) + sealer.end()


def opened(folder: Path, stored: bytes, name: str = "one", keys: object = KEYS) -> SealedFile:
    path = folder / "file"
    path.write_bytes(stored)
    file = path.open("rb", buffering=0)
    try:
        return SealedFile(file, keys, name)  # type: ignore[arg-type]
    except Unsealable:
        file.close()
        raise


def read(folder: Path, stored: bytes, name: str = "one", keys: object = KEYS) -> bytes:
    with opened(folder, stored, name, keys) as file:
        return file.read()


@pytest.mark.parametrize("size", SIZES)
def test_content_comes_back(tmp_path: Path, size: int) -> None:
    """Whatever the length is beside that of a chunk; it is known before anything is read."""
    with opened(tmp_path, sealed(content(size))) as file:
        assert file.size == size
        assert file.read() == content(size)
        assert file.read(1) == b""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1 << 12, CHUNK_BYTES, 1 << 18])
def test_pieces_make_the_same_file(tmp_path: Path, size: int, piece: int) -> None:
    """How content arrives is not seen in its file, nor does more than a chunk of it wait."""
    sealer, stored = Sealer(KEYS, "one"), b""
    for start in range(0, size, piece):
        data = content(size)[start : start + piece]
        stored += sealer.add(data)
        assert len(stored) - HEADER >= (start + len(data) - 1) // CHUNK_BYTES * STORED
    stored += sealer.end()
    assert len(stored) == len(sealed(content(size)))
    assert read(tmp_path, stored) == content(size)


def test_any_part_can_be_read(tmp_path: Path) -> None:
    """Readers may go back and forth, across the borders of chunks."""
    data = content(3 * CHUNK_BYTES + 100)
    with opened(tmp_path, sealed(data)) as file:
        for place, size in ((CHUNK_BYTES - 5, 10), (0, 1), (len(data) - 7, 100), (2 * CHUNK_BYTES, CHUNK_BYTES + 50)):
            assert file.seek(place) == place
            found = b""
            while piece := file.read(size - len(found)):
                found += piece
            assert found == data[place : place + size]
        assert file.seek(-3, os.SEEK_END) == len(data) - 3
        assert file.read(1) == data[-3:-2]
        assert file.tell() == len(data) - 2
        assert file.seek(10 * len(data)) == 10 * len(data)
        assert file.read(1) == b""


def test_nothing_of_the_content_is_seen() -> None:
    """Neither the content nor a repetition in it is there, and the same content is other bytes every time."""
    data = b"the same sixteen" * CHUNK_BYTES
    one, other = sealed(data), sealed(data)
    assert b"the same" not in one
    blocks = [one[place : place + 16] for place in range(HEADER, len(one), 16)]
    assert len(set(blocks)) == len(blocks)
    assert one[HEADER : HEADER + 1000] != other[HEADER : HEADER + 1000]


@pytest.mark.parametrize("size", [0, 10, CHUNK_BYTES, CHUNK_BYTES + 10])
def test_every_shorter_file_is_refused(tmp_path: Path, size: int) -> None:
    """Wherever it was cut, at the border of a chunk as well."""
    whole = sealed(content(size))
    for length in {*range(0, len(whole), 997), *range(60), HEADER + STORED, HEADER + STORED + 16, len(whole) - 1}:
        if length < len(whole):
            with pytest.raises(Unsealable):
                read(tmp_path, whole[:length])


@pytest.mark.parametrize("tail", [b"\0", bytes(16), bytes(STORED)])
@pytest.mark.parametrize("size", [0, CHUNK_BYTES])
def test_a_longer_file_is_refused(tmp_path: Path, size: int, tail: bytes) -> None:
    """Nothing can be put behind the end."""
    with pytest.raises(Unsealable):
        read(tmp_path, sealed(content(size)) + tail)


def test_every_flipped_bit_is_refused(tmp_path: Path) -> None:
    """In the header, the content or the tag."""
    whole = sealed(content(20))
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unsealable):
            read(tmp_path, bytes(flipped))


def test_chunks_stay_where_they_are(tmp_path: Path) -> None:
    """Swapped, repeated, left out, or of another file of the same name: no such chunk is read."""
    header, *chunks = split(sealed(content(3 * CHUNK_BYTES + 100)))
    _, *others = split(sealed(content(3 * CHUNK_BYTES + 100)))
    one, two, three, last = chunks
    for changed in (
        [two, one, three, last],
        [one, one, three, last],
        [one, three, last],
        [one, two, last],
        [one, two, three],
        [one, others[1], three, last],
        [one, two, three, others[3]],
    ):
        with pytest.raises(Unsealable):
            read(tmp_path, b"".join([header, *changed]))


def split(stored: bytes) -> list[bytes]:
    return [stored[:HEADER], *(stored[place : place + STORED] for place in range(HEADER, len(stored), STORED))]


def test_what_comes_before_damage_is_whole(tmp_path: Path) -> None:
    """A reader is given proved chunks, and an error instead of the one that was changed."""
    data = content(3 * CHUNK_BYTES)
    changed = bytearray(sealed(data))
    changed[HEADER + STORED + 5] ^= 1
    with opened(tmp_path, bytes(changed)) as file:
        assert file.read(CHUNK_BYTES) == data[:CHUNK_BYTES]
        with pytest.raises(Unsealable, match="damaged or altered"):
            file.read(1)


def test_a_file_cannot_stand_for_another(tmp_path: Path) -> None:
    """Its name is part of what is proved."""
    with pytest.raises(Unsealable, match="damaged or altered"):
        read(tmp_path, sealed(content(20), "one"), "two")


def test_keys_that_are_gone_are_named(tmp_path: Path) -> None:
    """Older keys of the ring still open, others do not: neither a missing key nor another one of the same id."""
    old = sealed(content(20), keys=OLD)
    assert read(tmp_path, old) == content(20)
    with pytest.raises(Unsealable, match="under key 2, which is not in the key ring"):
        read(tmp_path, sealed(content(20)), keys=OLD)
    with pytest.raises(Unsealable, match="damaged or altered"):
        read(tmp_path, old, keys=KeyRing({1: bytes(32)}).derive("store"))
    with pytest.raises(Unsealable, match="damaged or altered"):
        read(tmp_path, old, keys=KeyRing({1: bytes(range(32))}).derive("voiceprint"))


def test_its_key_can_be_told_without_keys(tmp_path: Path) -> None:
    """Which key a file needs is no secret; files that are not sealed need none."""
    for stored, told in ((sealed(b""), 2), (b"", None), (b"ZOSF", None), (bytes(100), None)):
        (tmp_path / "file").write_bytes(stored)
        with (tmp_path / "file").open("rb") as file:
            assert sealing.key_id(file) == told


def test_content_in_memory_can_only_be_read(tmp_path: Path) -> None:
    """It has a descriptor and no name on a disk, and nobody can write to it, whoever is handed the descriptor."""
    with sealing.in_memory(opened(tmp_path, sealed(content(CHUNK_BYTES + 5)))) as found:
        assert os.fstat(found.fileno()).st_nlink == 0
        assert os.read(found.fileno(), 1 << 20) == content(CHUNK_BYTES + 5)
        with pytest.raises(PermissionError):
            os.pwrite(found.fileno(), b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(found.fileno(), 0)
        assert fcntl.fcntl(found.fileno(), fcntl.F_GET_SEALS) & fcntl.F_SEAL_SEAL


def test_a_file_sealed_long_ago_is_still_read(tmp_path: Path) -> None:
    """The layout is frozen: this file was written once and must open for ever."""
    stored = bytes.fromhex(GOLDEN)
    assert read(tmp_path, stored, "upload 00000000-0000-4000-8000-000000000000") == b"nobody else may hear this"


GOLDEN = (
    "5a4f53460100000002000000cc65c87cd7119830cefbfdae38b5845ebae1db1a495a1ba8d4db5a092c1a82da06783781b29d"
    "4616a758e2f4ed2466a6314da6d627e851bac6995817c538e4c309dab60b5a1bff0a40"
)
