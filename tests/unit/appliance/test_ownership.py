"""Whose the appliance's files are: root keeps out of folders of others, and nobody else may write into them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import preflight
from appliance.backup.staging import Staging
from appliance.ownership import require_own
from appliance.rewriting import rewrite
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from schemas.keyring import KeyRing
from tasks.audit.log import AuditLog
from tests.made_keys import made_keys
from tests.patience import PATIENCE

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
STRANGER = 54321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def run(data: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [VOICEPRINT, *words],
        env=os.environ | {"VOICEPRINT_DATA_DIR": str(data)} | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@needs_root
@pytest.mark.parametrize(
    "words",
    [
        ("keys", "create", "desk"),
        ("keys", "list"),
        ("keyring", "rotate"),
        ("audit", "head"),
        ("backup", "-"),
        ("restore", "-"),
        ("up",),
        ("erase", "--key", "0123abcd", "--yes"),
        ("models", "install"),
        ("models", "add", "network.onnx"),
        ("models", "retire", "ge2e", "--yes"),
        ("models", "quantize", "ge2e", "--calibrate", "none"),
        ("heads", "add", "card.toml"),
        ("heads", "remove", "head"),
        ("profiles", "remove", "telephone"),
        ("calibrate", "none"),
        ("redis", "install"),
    ],
)
def test_root_keeps_out_of_the_folder_of_another(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whatever its user has laid there, nothing behind it changes hands, and the command that works is named."""
    victim, data = tmp_path / "victim", tmp_path / "data"
    victim.write_text("of root")
    data.mkdir(mode=0o700)
    for name in ("api-keys.json", "api-keys.json.lock", "audit.log", "audit.log.head", "up.lock", ".restoring"):
        (data / name).symlink_to(victim)
    os.chown(data, STRANGER, STRANGER)
    done = run(data, *words, VOICEPRINT_MODELS_DIR=str(data / "models"))
    assert done.returncode == 2
    assert f"{data} belongs to the user #{STRANGER}: run this as that user, `sudo -u" in done.stderr
    assert (victim.stat().st_uid, victim.read_text()) == (0, "of root")


@needs_root
@pytest.mark.parametrize("words", [("heads", "remove", "head"), ("models", "install"), ("models", "retire", "ge2e")])
def test_root_writes_no_audit_log_of_another(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Nor where the models are its own: what it changes there would be told in a folder where others lay links."""
    data, ring = tmp_path / "data", tmp_path / "ring.toml"
    assert run(data, "keyring", "create", str(ring)).returncode == 0
    data.mkdir(mode=0o700)
    os.chown(data, STRANGER, STRANGER)
    models = tmp_path / "models"
    models.mkdir()
    done = run(data, *words, VOICEPRINT_KEY_RING=str(ring), VOICEPRINT_MODELS_DIR=str(models))
    assert done.returncode == 2
    assert f"{data} belongs to the user #{STRANGER}" in done.stderr
    assert not any(models.iterdir())


@needs_root
def test_a_file_or_folder_of_another_is_found(tmp_path: Path) -> None:
    """Also by way of a link, and above what is not there yet."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, STRANGER, STRANGER)
    (tmp_path / "link").symlink_to(theirs)
    (theirs / "file").write_text("theirs")
    for path in (theirs, theirs / "new" / "deep", tmp_path / "link"):
        with pytest.raises(ConfigurationError, match="belongs to the user"):
            require_own(path)
    require_own(tmp_path, tmp_path / "none")
    with pytest.raises(ConfigurationError, match="belongs to the user"):
        rewrite(theirs / "file", b"ours")
    assert (theirs / "file").read_text() == "theirs"


@needs_root
def test_a_key_ring_of_another_is_refused(tmp_path: Path) -> None:
    """Whoever owns it could put keys of theirs into it."""
    ring = tmp_path / "ring.toml"
    assert run(tmp_path / "data", "keyring", "create", str(ring)).returncode == 0
    os.chown(ring, STRANGER, STRANGER)
    with pytest.raises(ConfigurationError, match="belongs to the user"):
        KeyRing.read(ring)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o703])
def test_a_folder_into_which_others_write_is_refused(tmp_path: Path, mode: int) -> None:
    """With the cure."""
    tmp_path.chmod(mode)
    done = run(tmp_path, "keys", "create", "desk")
    assert done.returncode == 2
    assert f"others may write to {tmp_path}: chmod go-w {tmp_path}" in done.stderr
    assert not any(tmp_path.iterdir())


def test_what_is_made_is_for_its_user_alone(tmp_path: Path) -> None:
    """Whatever mask the shell has."""
    data = tmp_path / "data"
    ring = tmp_path / "rings" / "ring.toml"
    before = os.umask(0)
    try:
        assert run(data, "keyring", "create", str(ring)).returncode == 0
        assert run(data, "keys", "create", "desk", VOICEPRINT_KEY_RING=str(ring)).returncode == 0
        with preflight.locked(data):
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    finally:
        os.umask(before)
    assert {name for name in modes if modes[name] == 0o700} == {"data", "rings"}
    assert {name for name in modes if modes[name] == 0o600} == set(modes) - {"data", "rings"}
    assert {"up.lock", "audit.log", "audit.log.head", "api-keys.json"} < set(modes)


@pytest.mark.parametrize("name", ["audit.log", "audit.log.head"])
def test_the_audit_log_follows_no_link(tmp_path: Path, name: str) -> None:
    """Nothing is appended to what it leads to."""
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="it is a link"):
        AuditLog(tmp_path / "audit.log", KeyRing({1: bytes(32)}).derive("audit")).append([])
    assert not (tmp_path / "elsewhere").read_text()


def test_lock_and_staging_follow_no_link(tmp_path: Path) -> None:
    """Neither is anything made behind one, nor cut off."""
    (tmp_path / "elsewhere").mkdir()
    settings = Settings(data_dir=tmp_path / "data")
    settings.store.mkdir(parents=True)
    (settings.data_dir / ".restoring").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="move away what is there"), Staging(settings):
        pass
    (tmp_path / "elsewhere" / "file").write_text("kept")
    (settings.data_dir / "up.lock").symlink_to(tmp_path / "elsewhere" / "file")
    with pytest.raises(ConfigurationError, match="it is a link"), preflight.locked(settings.data_dir):
        pass
    assert (tmp_path / "elsewhere" / "file").read_text() == "kept"


def test_keys_of_a_backup_are_missed_when_they_go(tmp_path: Path) -> None:
    """As those that were made here."""
    made_keys(tmp_path / "before", "desk")
    settings = Settings(data_dir=tmp_path / "data")
    settings.store.mkdir(parents=True)
    with Staging(settings) as staging:
        staging.take("api-keys.json", [(tmp_path / "before" / "api-keys.json").read_bytes()])
        staging.place()
    assert (settings.data_dir / "api-keys.json.lock").stat().st_size > 0
