"""When a backup is not made, and when it is not restored: nothing half done is left, and nothing is overwritten."""

import hashlib
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from appliance import preflight
from appliance.settings import Settings, child_environment
from tests.integration import backups
from tests.patience import PATIENCE, until
from tests.unit.appliance.backup import archives

OVERWRITTEN = "nothing is ever overwritten"


@pytest.fixture
def here(models_dir: Path, tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    (tmp_path / "models").mkdir()
    server = next(models_dir.glob("redis-server*"), None)
    if server:
        (tmp_path / "models" / server.name).symlink_to(server)
    return Settings(data_dir=tmp_path / "data", models_dir=tmp_path / "models", http_port=0, grpc="off", workers=1)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A backup of one open and one ended task."""
    path = tmp_path / "backup.tar"
    path.write_bytes(archives.made(**{"api-keys.json": b"{}", "models/heads/mine.toml": b"kind = 'a head'"}))
    return path


def untouched(settings: Settings) -> None:
    """Nothing of any backup is in the appliance's folders."""
    found = [path.name for path in settings.data_dir.rglob("*") if path.is_file()]
    assert not set(found) - {"up.lock", "appendonly.aof"} - {name for name in found if "appendonly" in name}
    assert not (settings.store / ".restoring").exists()
    assert "0 open and 0 ended" in backups.run(settings, "backup", settings.data_dir.with_name("after.tar"))


def test_there_and_back(here: Settings, archive: Path) -> None:
    """What is restored is backed up again as it was, and both work through pipes."""
    words = f"cat {archive} | {backups.VOICEPRINT} restore - && {backups.VOICEPRINT} backup - | cat > {archive}.again"
    subprocess.run(["bash", "-o", "pipefail", "-c", words], env=child_environment(here), check=True, timeout=PATIENCE)
    before, after = (archives.members(path.read_bytes()) for path in (archive, archive.with_name("backup.tar.again")))
    assert before.keys() == after.keys()
    changes = {"backup.json", "SHA256SUMS", "manifest.json", archives.BATCH}
    assert {name: before[name] for name in before.keys() - changes} == {
        name: after[name] for name in after.keys() - changes
    }
    assert (here.models / "heads" / "mine.toml").read_bytes() == b"kind = 'a head'"
    assert "1 open and 0 ended tasks, 1 uploads, 0 results" in backups.run(
        here, "backup", "--without-results", archive.with_name("open.tar")
    )


def test_not_over_tasks(here: Settings, archive: Path) -> None:
    """A second restore is refused, and so is one over files without tasks."""
    backups.run(here, "restore", archive)
    assert OVERWRITTEN in backups.refused(here, "restore", archive)
    elsewhere = here.model_copy(update={"redis_url": None, "data_dir": here.data_dir.with_name("other")})
    (elsewhere.store / "inputs").mkdir(parents=True)
    (elsewhere.store / "inputs" / archives.WAITS).write_bytes(b"someone's")
    assert OVERWRITTEN in backups.refused(elsewhere, "restore", archive)


@pytest.mark.parametrize("name", ["data/api-keys.json", "models/heads/mine.toml"])
def test_not_over_other_files(here: Settings, archive: Path, name: str) -> None:
    """A file that differs from the backup's stops the restore before anything is changed."""
    path = here.data_dir.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"another")
    assert OVERWRITTEN in backups.refused(here, "restore", archive)
    assert path.read_bytes() == b"another"
    path.unlink()
    untouched(here)


def test_not_under_a_running_appliance(here: Settings, archive: Path) -> None:
    """While an appliance holds the data folder nothing is restored into it."""
    with preflight.locked(here.data_dir):
        assert "in use" in backups.refused(here, "restore", archive)


def test_not_what_is_damaged(here: Settings, archive: Path) -> None:
    """A backup of which one byte is wrong changes nothing."""
    content = bytearray(archive.read_bytes())
    content[content.index(archives.RESULT)] ^= 1
    archive.write_bytes(content)
    assert "damaged or changed" in backups.refused(here, "verify-backup", archive)
    assert "damaged or changed" in backups.refused(here, "restore", archive)
    untouched(here)


def test_an_interrupted_restore_goes_on(here: Settings, archive: Path) -> None:
    """Until the same backup was restored to its end, the appliance does not start and takes no other backup."""
    manifest = archives.members(archive.read_bytes())["SHA256SUMS"]
    preflight.restore_mark(here.data_dir).write_text(hashlib.sha256(manifest).hexdigest())
    (here.store / "inputs").mkdir(parents=True)
    (here.store / "inputs" / archives.WAITS).write_bytes(archives.UPLOAD)
    with pytest.raises(Exception, match="was interrupted"):
        preflight.require_store(here)
    other = archive.with_name("other.tar")
    other.write_bytes(archives.made())
    assert "interrupted" in backups.refused(here, "restore", other)
    assert "1 open and 1 ended" in backups.run(here, "restore", archive)
    preflight.require_store(here)
    assert "1 open and 1 ended" in backups.run(here, "backup", archive.with_name("again.tar"))


def test_a_full_disk(here: Settings, archive: Path) -> None:
    """Where there is no room for it, neither a backup nor a restore leaves anything behind."""
    backups.run(here, "restore", archive)
    out = archive.with_name("small") / "out.tar"
    out.parent.mkdir()
    tried = subprocess.run(
        [backups.VOICEPRINT, "backup", out],
        env=child_environment(here),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert tried.returncode == 2, tried.stderr
    assert f"make room in {out.parent}" in tried.stderr
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_backup(here: Settings, archive: Path, number: signal.Signals) -> None:
    """What interrupts it ends it without a stack trace, and without a file that could be taken for a backup."""
    backups.run(here, "restore", archive)
    os.truncate(here.store / "inputs" / archives.WAITS, 1 << 36)
    folder = archive.with_name("out")
    folder.mkdir()
    with subprocess.Popen(
        [backups.VOICEPRINT, "backup", folder / "out.tar"],
        env=child_environment(here),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until(lambda: any(path.stat().st_size > 1 << 20 for path in folder.iterdir()))
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not list(folder.iterdir())


def test_a_secret_among_the_models(here: Settings, archive: Path) -> None:
    """A key ring that lies where a backup takes files from stops it, even by a link."""
    over = ("backup", "--force", archive)
    (here.models / "heads").mkdir()
    ring = backups.ring(here.models / "heads" / "ring.toml")
    assert "no backup holds one" in backups.refused(here.model_copy(update={"key_ring": ring}), *over)
    kept = Settings.model_validate(dict(here) | {"key_ring": ring.rename(here.data_dir / "ring.toml")})
    backups.run(kept, *over)
    (here.models / "heads" / "link.toml").symlink_to(here.data_dir / "ring.toml")
    assert "no backup holds one" in backups.refused(kept, *over)


def test_where_no_appliance_is(here: Settings, archive: Path) -> None:
    """A wrong folder is an error, and not an empty backup."""
    nowhere = here.model_copy(update={"data_dir": here.data_dir / "nowhere"})
    assert "there is no appliance" in backups.refused(nowhere, "backup", "--force", archive)


def test_verifying_without_the_key_ring(here: Settings, archive: Path) -> None:
    """verify-backup says which key is needed, and that it has not checked the seal."""
    archive.write_bytes(archives.made(archives.RING))
    said = backups.run(here, "verify-backup", archive)
    assert "the key 3" in said
    assert "not checked" in said
    assert "the key 3" in backups.refused(here, "restore", archive)
    untouched(here)
