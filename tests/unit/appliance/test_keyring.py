"""`voiceprint keyring`: making the ring and changing it, and what `voiceprint doctor` says of it."""

import errno
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance import ring_file
from appliance.doctor.key_ring import key_ring
from appliance.exit_codes import ExitCode
from appliance.settings import Settings
from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.keyring import MOST_KEY_ID, KeyRing
from tasks.files import LocalFileStore
from tests.patience import PATIENCE

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "secrets" / "ring.toml"
    ring_file.create(path)
    return path


@pytest.fixture
def run(tmp_path: Path, ring: Path) -> Run:
    """Runs `voiceprint keyring` with words, on the ring unless another is named."""

    def run(*words: str | Path, key_ring: Path | None = ring) -> "subprocess.CompletedProcess[str]":
        own = {"VOICEPRINT_DATA_DIR": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        return subprocess.run(
            [Path(sys.executable).with_name("voiceprint"), "keyring", *words],
            env=os.environ | own | ({"VOICEPRINT_KEY_RING": str(key_ring)} if key_ring else {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


def secrets(path: Path) -> dict[int, bytes]:
    return dict(KeyRing.read(path).secrets)


def test_a_ring_is_made_for_its_owner_alone(run: Run, tmp_path: Path) -> None:
    """Where it was asked for, with one key; what is to be set and to be kept is said beside its path."""
    path = tmp_path / "deep" / "ring.toml"
    made = run("create", path, key_ring=None)
    assert (made.returncode, made.stdout) == (0, f"{path}\n")
    assert f"VOICEPRINT_KEY_RING={path}" in made.stderr
    assert "apart from every backup" in made.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(secrets(path)) == [1]


def test_a_ring_has_a_usual_place(run: Run, tmp_path: Path) -> None:
    """Apart from the data: what the setting names, or the user's folder of settings."""
    place = tmp_path / "config" / "voiceprint" / "key-ring.toml"
    assert run("create", key_ring=None).stdout == f"{place}\n"
    named = tmp_path / "named.toml"
    made = run("create", key_ring=named)
    assert made.stdout == f"{named}\n"
    assert "for every process" not in made.stderr


def test_a_ring_is_never_overwritten(run: Run, ring: Path, tmp_path: Path) -> None:
    """Whatever lies there stays: with its keys, everything that was made with them would be lost."""
    before = ring.read_bytes()
    again = run("create", ring)
    assert again.returncode == ExitCode.MISCONFIGURED
    assert "keyring rotate" in again.stderr
    assert ring.read_bytes() == before
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="there already"):
        ring_file.create(tmp_path / "link")


def test_a_ring_among_the_data_is_warned_of(run: Run, tmp_path: Path) -> None:
    """A backup of the folder would hold both the locks and the keys."""
    made = run("create", tmp_path / "data" / "ring.toml")
    assert made.returncode == 0
    assert f"inside {tmp_path / 'data'}" in made.stderr


def test_rotation_adds_a_key(run: Run, ring: Path) -> None:
    """It is the current one from then on, beside the older ones, and the file is still its owner's alone."""
    before = secrets(ring)
    rotated = run("rotate")
    assert (rotated.returncode, rotated.stdout) == (0, "2\n")
    assert "restart" in rotated.stderr
    after = secrets(ring)
    assert (list(after), after[1]) == ([1, 2], before[1])
    assert after[2] != after[1]
    assert ring.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in ring.parent.iterdir()) == [ring.name]


def test_the_highest_id_is_the_last(ring: Path) -> None:
    """A ring that could not be read any more is not made; it stays as it was."""
    last = ring.read_text().replace("id = 1", f"id = {MOST_KEY_ID}")
    ring.write_text(last)
    with pytest.raises(ConfigurationError, match="no key can be added"):
        ring_file.rotate(ring)
    assert ring.read_text() == last


def test_a_folder_is_no_ring(run: Run, tmp_path: Path) -> None:
    """Whoever names one is told what to name."""
    made = run("create", tmp_path)
    assert made.returncode == ExitCode.MISCONFIGURED
    assert f"{tmp_path} is a folder: name the file, as {tmp_path / 'key-ring.toml'}" in made.stderr


def test_the_cure_is_of_the_fault(ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not read a ring is not told to make one."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(ConfigurationError, match=r"No such file .*keyring create"):
        KeyRing.read(ring.with_name("none"))
    monkeypatch.setattr(plain_file, "opened", refused)
    with pytest.raises(ConfigurationError, match="Permission denied; run this as the user to whom it belongs"):
        KeyRing.read(ring)


def test_a_ring_behind_a_link_is_changed_where_it_lies(ring: Path, tmp_path: Path) -> None:
    """The link stays a link."""
    link = tmp_path / "link.toml"
    link.symlink_to(ring)
    assert ring_file.rotate(link) == 2
    assert link.is_symlink()
    assert list(secrets(ring)) == [1, 2]


def test_rotations_at_one_time_lose_no_key(ring: Path) -> None:
    """Each adds a key of its own."""
    threads = [threading.Thread(target=ring_file.rotate, args=(ring,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(secrets(ring)) == list(range(1, 10))


def test_keys_are_listed_without_their_secrets(run: Run, ring: Path) -> None:
    """By id and date, for people and for programs."""
    run("rotate")
    table, listed = run("list"), run("list", "--json")
    text = ring.read_text()
    assert [line.split("\t")[::2] for line in table.stdout.splitlines()] == [
        ["key", "current"],
        ["1", "no"],
        ["2", "yes"],
    ]
    keys = json.loads(listed.stdout)
    assert [(key["id"], key["current"]) for key in keys] == [(1, False), (2, True)]
    for key in keys:
        assert key["created"].replace("+00:00", "Z") in text
        assert key["created"] in table.stdout
    for line in text.splitlines():
        if line.startswith("secret"):
            assert line.split('"')[1] not in table.stdout + listed.stdout + table.stderr + listed.stderr


def test_an_older_key_is_dropped_after_a_warning(run: Run, ring: Path, tmp_path: Path) -> None:
    """What is lost with it is said first, and without a yes it stays."""
    store = LocalFileStore(tmp_path / "data" / "store", KeyRing.read(ring).derive("store"))
    store.write_result(str(uuid.uuid4()), 1, b"result")
    run("rotate")
    asked = run("drop", "1")
    assert asked.returncode == ExitCode.MISCONFIGURED
    assert "--yes" in asked.stderr
    assert "1 uploads and results" in asked.stderr
    assert "keyring sign" in asked.stderr
    assert list(secrets(ring)) == [1, 2]
    assert run("drop", "1", "--yes").returncode == 0
    assert list(secrets(ring)) == [2]
    assert run("rotate").stdout == "3\n"


@pytest.mark.parametrize(("number", "words"), [("1", "is the current one"), ("7", "there is no key 7")])
def test_what_cannot_be_dropped(run: Run, ring: Path, number: str, words: str) -> None:
    """The current key, whose id the next one would get, and one that is not there."""
    refused = run("drop", number, "--yes")
    assert refused.returncode == ExitCode.MISCONFIGURED
    assert words in refused.stderr
    assert list(secrets(ring)) == [1]


@pytest.mark.parametrize("words", [["rotate"], ["list"], ["drop", "1"], ["sign", "."]])
def test_without_a_ring_the_cure_is_named(run: Run, words: list[str]) -> None:
    """Nothing is made where nothing was asked for."""
    refused = run(*words, key_ring=None)
    assert refused.returncode == ExitCode.MISCONFIGURED
    assert "VOICEPRINT_KEY_RING is not set" in refused.stderr
    assert "keyring create" in refused.stderr


def test_a_damaged_ring_is_left_alone(run: Run, ring: Path) -> None:
    """A rotation never writes over what it cannot read."""
    ring.write_text("nonsense")
    assert run("rotate").returncode == ExitCode.MISCONFIGURED
    assert ring.read_text() == "nonsense"


def test_doctor_says_what_the_ring_does(ring: Path, tmp_path: Path) -> None:
    """Which key signs and how many others read; what is amiss comes with its cure."""

    def told(**settings: object) -> tuple[str, str, str]:
        found = key_ring(Settings.model_validate({"data_dir": tmp_path / "data", "key_ring": ring} | settings))
        return found.status, found.finding, found.cure

    ring_file.rotate(ring)
    assert told() == ("ok", f"{ring}: key 2 signs and encrypts, 1 older still read", "")
    assert "encrypts" not in told(encrypt_store=False)[1]
    assert told(key_ring=None)[0] == "ok"
    open_one = {"key_ring": None, "host": "0.0.0.0", "allow_anonymous": True}  # noqa: S104  # what is warned of
    assert told(**open_one)[0::2] == ("warn", "`voiceprint keyring create`, and set VOICEPRINT_KEY_RING")
    assert told(data_dir=tmp_path)[0::2] == ("warn", "move it elsewhere, and set VOICEPRINT_KEY_RING")
    assert told(unsigned_voiceprints="accept")[0::2] == (
        "warn",
        "once all are signed, set VOICEPRINT_UNSIGNED_VOICEPRINTS=refuse",
    )
    ring.parent.chmod(0o770)
    assert told()[0::2] == ("warn", f"chmod go-w {ring.parent}")
    ring.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        told()
