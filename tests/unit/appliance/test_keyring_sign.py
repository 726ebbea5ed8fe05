"""`voiceprint keyring sign`: an archive of voiceprints is signed where it lies, and nothing else in it changes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance import ring_file
from appliance.exit_codes import ExitCode
from schemas.keyring import KeyRing
from schemas.signatures import Signatures
from schemas.voiceprint import Signer, encode, from_base64, to_base64
from tests.conftest import RECORDINGS
from tests.patience import PATIENCE
from tests.unit.schemas.sample_voiceprints import silent, voiceprint

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ONE, TWO = encode(voiceprint()), encode(silent())


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "ring.toml"
    ring_file.create(path)
    return path


@pytest.fixture
def run(tmp_path: Path, ring: Path, models_dir: Path) -> Run:
    """Runs `voiceprint` with words and the ring, and settings of its own."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        folders = {"VOICEPRINT_DATA_DIR": str(tmp_path / "data"), "VOICEPRINT_MODELS_DIR": str(models_dir)}
        own = {**folders, "VOICEPRINT_KEY_RING": str(ring), **settings}
        return subprocess.run(
            [Path(sys.executable).with_name("voiceprint"), *words],
            env=os.environ | own,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Containers, lines and a JSON document, deep down and with other things beside them."""
    folder = tmp_path / "archive"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "one.vp").write_bytes(ONE)
    (folder / "one.vp").chmod(0o640)
    (folder / "deep" / "lines.txt").write_bytes(f"\ufeff{to_base64(ONE)}\r\n\r\n  {to_base64(TWO)}".encode())
    (folder / "deep" / "er" / "people.json").write_text(json.dumps([{"name": "Änne", "voiceprint": to_base64(TWO)}]))
    (folder / "sound.wav").write_bytes(b"RIFF" + bytes(1000))
    (folder / "empty").touch()
    (folder / "elsewhere").symlink_to(tmp_path / "outside.vp")
    (tmp_path / "outside.vp").write_bytes(ONE)
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_is_one(run: Run, ring: Path, tmp_path: Path) -> None:
    """Number and noun agree."""
    assert ring.exists()
    path = tmp_path / "one.vp"
    path.write_bytes(ONE)
    assert run("keyring", "sign", path).stdout == "1 voiceprint was signed, 0 were already\n"
    assert run("keyring", "sign", path).stdout == "0 voiceprints were signed, 1 was already\n"


def test_an_archive_is_signed_where_it_lies(run: Run, archive: Path, ring: Path, tmp_path: Path) -> None:
    """Every voiceprint in files of any kind, in its very place; the rest stays byte for byte, mode and links too."""
    before = contents(archive)
    done = run("keyring", "sign", archive)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 voiceprints were signed, 0 were already\n", "")
    signed = Signatures.of(KeyRing.read(ring), "refuse").signed
    expected = {
        path: content.replace(ONE, signed(ONE))
        .replace(to_base64(ONE).encode(), to_base64(signed(ONE)).encode())
        .replace(to_base64(TWO).encode(), to_base64(signed(TWO)).encode())
        for path, content in before.items()
    }
    outside = archive / "elsewhere"
    assert contents(archive) == expected | {outside: before[outside]}
    assert (archive / "one.vp").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "outside.vp").read_bytes() == ONE


def test_it_may_be_repeated_and_follows_a_rotation(run: Run, archive: Path, ring: Path) -> None:
    """What is signed stays as it is, to the time of its file, until there is a newer key."""
    run("keyring", "sign", archive)
    before, times = contents(archive), [path.stat().st_mtime_ns for path in archive.rglob("*")]
    assert run("keyring", "sign", archive).stdout == "0 voiceprints were signed, 4 were already\n"
    assert contents(archive) == before
    assert [path.stat().st_mtime_ns for path in archive.rglob("*")] == times
    ring_file.rotate(ring)
    assert run("keyring", "sign", archive).stdout == "4 voiceprints were signed, 0 were already\n"
    ring_file.drop(ring, 1)
    Signatures.of(KeyRing.read(ring), "refuse").decode((archive / "one.vp").read_bytes())


def test_what_is_bad_is_named_and_left(run: Run, tmp_path: Path, ring: Path) -> None:
    """By its file and line; the good ones beside it are signed."""
    forged = encode(voiceprint(), Signer(1, bytes(32)))
    unknown = encode(voiceprint(), Signer(9, bytes(32)))
    lines = [to_base64(one) for one in (ONE, ONE[:-1] + b"x", forged, unknown, TWO)]
    path, missing, other = tmp_path / "lines.txt", tmp_path / "missing.vp", tmp_path / "other.txt"
    path.write_text("\n".join([*lines, lines[0][:-2]]))
    other.write_text("no voiceprint")
    done = run("keyring", "sign", path, missing, other)
    assert done.returncode == ExitCode.REFUSED
    assert done.stdout == "2 voiceprints were signed, 0 were already\n"
    told = dict(line.removeprefix("error: ").split(": ", 1) for line in done.stderr.splitlines())
    assert list(told) == [*(f"{path}:{number}" for number in (2, 3, 4, 6)), str(missing), str(other)]
    assert "check does not match" in told[f"{path}:2"]
    assert "forged" in told[f"{path}:3"]
    assert "key 9" in told[f"{path}:4"]
    after = path.read_text().split("\n")
    assert after[1:4] == lines[1:4]
    assert after[5] == lines[0][:-2]
    signatures = Signatures.of(KeyRing.read(ring), "refuse")
    assert [from_base64(after[place]) for place in (0, 4)] == [signatures.signed(ONE), signatures.signed(TWO)]


def test_convert_takes_what_was_signed(run: Run, tmp_path: Path) -> None:
    """Before, the command refuses as the service does, unless it is told to take them."""
    path = tmp_path / "one.vp"
    path.write_bytes(ONE)
    refused = run("convert", path, "-")
    assert refused.returncode == ExitCode.REFUSED
    assert "is not signed" in refused.stderr
    assert "keyring sign" in refused.stderr
    taken = run("convert", path, "-", VOICEPRINT_UNSIGNED_VOICEPRINTS="accept")
    run("keyring", "sign", path)
    assert run("convert", path, "-").stdout == taken.stdout != ""


def test_what_is_extracted_is_signed(run: Run, ring: Path, tmp_path: Path) -> None:
    """In files and in JSON, under the current key, so that `convert` and the service take it."""
    signatures = Signatures.of(KeyRing.read(ring), "refuse")
    (path,) = run("extract", RECORDINGS / "demo.flac", "--out", tmp_path / "out").stdout.splitlines()
    (channel,) = json.loads(run("extract", RECORDINGS / "demo.flac").stdout)["channels"]
    one, other = (signatures.decode(held) for held in (Path(path).read_bytes(), from_base64(channel["voiceprint"])))
    assert one.vector.tobytes() == other.vector.tobytes()
    assert run("convert", path, "-").returncode == 0
