"""What is taken from a backup, and what is no backup: damaged, cut off, made by others, made to harm."""

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from appliance.backup.format import Counts
from appliance.backup.reading import Backup
from schemas.errors import ConfigurationError
from schemas.keyring import KeyRing
from tests.unit.appliance.backup import archives


def read(archive: bytes, ring: KeyRing | None = None, *, need_ring: bool = True) -> Backup:
    backup = Backup(io.BytesIO(archive), ring, need_ring=need_ring)
    for _ in backup.members():
        pass
    return backup


def refused(archive: bytes, ring: KeyRing | None = None) -> str:
    with pytest.raises(ConfigurationError) as error:
        read(archive, ring)
    return error.value.message


@pytest.mark.parametrize("ring", [None, archives.RING], ids=["without a key ring", "with one"])
def test_what_was_written_is_read(ring: KeyRing | None) -> None:
    """All members come back in order, and the counts with them; with a key ring the seal is checked."""
    archive = archives.made(
        ring, **{"api-keys.json": b"{}", "audit/log": b"a line\n", "audit/log.1": b"", "audit/head": b""}
    )
    backup = Backup(io.BytesIO(archive), ring)
    found = {name: content.whole() for name, content in backup.members()}
    assert found[archives.INPUT] == archives.UPLOAD
    assert found[archives.OUTCOME] == archives.RESULT
    assert found["audit/log"] == b"a line\n"
    assert backup.manifest.counts == Counts(open=1, ended=1, uploads=1, results=1, others=4)
    assert backup.sealed == (ring is not None)


def test_other_programs_read_it(tmp_path: Path) -> None:
    """tar unpacks a backup, and sha256sum checks what came out."""
    (tmp_path / "backup.tar").write_bytes(archives.made(archives.RING))
    subprocess.run(["tar", "xf", "backup.tar"], cwd=tmp_path, check=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("ring", [None, archives.RING], ids=["without a key ring", "with one"])
def test_a_changed_byte(ring: KeyRing | None) -> None:
    """Wherever a byte was changed, the backup is refused."""
    archive = bytearray(archives.made(ring))
    for place in range(0, len(archive), 13):
        archive[place] ^= 1
        refused(bytes(archive), ring)
        archive[place] ^= 1
    read(bytes(archive), ring)


def test_a_backup_that_is_cut_off() -> None:
    """Wherever it ends too early, it is refused."""
    archive = archives.made(archives.RING)
    whole = len(archive) - 2 * tarfile.BLOCKSIZE
    for end in range(0, whole, 100):
        refused(archive[:end], archives.RING)


def test_more_than_the_manifest_says() -> None:
    """What follows the manifest is refused, also behind the end that tar knows."""
    for archive in (archives.made(), archives.made(archives.RING)):
        ring = archives.RING if b"manifest.hmac" in archive else None
        assert "more than its manifest" in refused(archive + archives.tar(("more", b"x")), ring)
    assert "more than its manifest" in refused(archives.tar(*archives.members(archives.made()).items(), ("more", b"x")))


def linked(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE),
        *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, tarfile.XGLTYPE, b"Z"),
    ],
    ids=repr,
)
def test_only_plain_files(kind: bytes) -> None:
    """Links, devices, folders, long names, holes and extensions are refused, even with sums that are right."""
    parts = archives.members(archives.made())
    assert "not a plain file" in refused(archives.resealed(parts, (linked("api-keys.json", kind), b""), others=1))


@pytest.mark.parametrize(
    "name",
    [
        "../api-keys.json",
        "/etc/passwd",
        "models/cards/../../api-keys.json",
        "models/cards/.hidden",
        "models/profiles/../x.json",
        "models/networks/redis-server",
        "models/redis-server-6.2.14",
        "key-ring.toml",
        "audit/log.x",
        f"inputs/{archives.WAITS}/x",
        "inputs/../../x",
        "tasks/1.msgpack",
        "x",
        "api-keys.json\n",
    ],
)
def test_names_that_do_not_belong(name: str) -> None:
    """Nothing is called so that it could land elsewhere, and nothing that no backup has."""
    parts = archives.members(archives.made())
    assert "does not belong" in refused(archives.resealed(parts, (name, b"x"), others=1))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ((archives.INPUT, b"x"), "belongs to none"),
        ((f"results/{archives.WAITS}.1", b"x"), "belongs to none"),
        ((f"inputs/{archives.OVER}", b"x"), "belongs to none"),
        (("inputs/33333333-3333-4333-8333-333333333333", b"x"), "belongs to none"),
        (("tasks/000001.msgpack", archives.batch()), "came before"),
        (("tasks/000001.msgpack", b"\xc1"), "not a batch"),
        (("tasks/000001.msgpack", b"\x91\x91\x01"), "not a batch"),
        (("backup.json", b"{}"), "does not belong"),
    ],
)
def test_what_belongs_to_no_task(extra: tuple[str, bytes], said: str) -> None:
    """Every task comes once, and every upload and result once, behind its task."""
    assert said in refused(archives.resealed(archives.members(archives.made()), extra))


def test_a_name_that_comes_twice() -> None:
    """No file takes the place of another."""
    parts = archives.members(archives.made(**{"api-keys.json": b"{}"}))
    assert "twice" in refused(archives.resealed(parts, ("api-keys.json", b"[]"), others=2))


def test_a_later_version() -> None:
    """A format that is not known is refused before anything else is read, and says which version made it."""
    parts = archives.members(archives.made())
    parts["backup.json"] = json.dumps(json.loads(parts["backup.json"]) | {"format": 2, "appliance": "9.1.0"}).encode()
    assert "version '9.1.0'" in refused(archives.resealed(parts))


def test_without_its_key_ring() -> None:
    """A backup that was made with a key ring names the key that it needs; verifying can do without."""
    archive = archives.made(archives.RING)
    assert "the key 3" in refused(archive)
    assert "the key 3" in refused(archive, KeyRing({1: bytes(32), 4: bytes(32)}))
    assert not read(archive, need_ring=False).sealed


def test_another_key_ring() -> None:
    """A ring whose key has the same id and another secret is told."""
    assert "key 3" in refused(archives.made(archives.RING), archives.OTHER_RING)


def test_a_seal_that_was_taken_off() -> None:
    """A backup that was changed by someone without the key ring is refused, also when it claims to have had none."""
    parts = archives.members(archives.made(archives.RING))
    del parts["manifest.hmac"]
    assert "seal is missing" in refused(archives.resealed(parts), archives.RING)
    parts["backup.json"] = json.dumps(json.loads(parts["backup.json"]) | {"key_id": 0}).encode()
    assert "without a key ring" in refused(archives.resealed(parts), archives.RING)


def test_what_is_no_backup() -> None:
    """Anything else is refused in words."""
    for content in (b"", b"x", b"\0" * 10_240, archives.tar(("x", b"x")), Path(__file__).read_bytes() * 3):
        assert "not a backup" in refused(content)
