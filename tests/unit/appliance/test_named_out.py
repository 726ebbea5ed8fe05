"""Files that a person names to be written: nothing that is to stay is overwritten."""

import os
from pathlib import Path

import pytest

from appliance.commands.named_out import require_free
from appliance.settings import Settings
from schemas.errors import ConfigurationError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    kept = tmp_path / "elsewhere"
    return Settings(
        data_dir=tmp_path / "data", key_ring=kept / "ring.toml", api_keys_file=kept / "keys", audit_log=kept / "log"
    )


@pytest.mark.parametrize(
    "name",
    [
        "data/backup.tar",
        "elsewhere/../data/store",
        "link/backup.tar",
        "elsewhere/ring.toml",
        "elsewhere/keys",
        "elsewhere/keys.lock",
        "elsewhere/log.1",
        "elsewhere/log.head",
    ],
)
def test_what_the_appliance_keeps_is_never_overwritten(settings: Settings, tmp_path: Path, name: str) -> None:
    """Whether it is there yet or not, and by whatever way it is named."""
    (tmp_path / "link").symlink_to(settings.data_dir)
    with pytest.raises(ConfigurationError, match="among what the appliance keeps"):
        require_free(settings, tmp_path / name, force=True)


def test_what_is_no_plain_file_is_left(settings: Settings, tmp_path: Path) -> None:
    """A pipe, a device, a folder and a link; and no folder is made."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/null")):
        with pytest.raises(ConfigurationError, match="no plain file"):
            require_free(settings, path, force=True)
    with pytest.raises(ConfigurationError, match="is a folder"):
        require_free(settings, tmp_path, force=True)
    with pytest.raises(ConfigurationError, match=r"there is no folder .*: make it first"):
        require_free(settings, tmp_path / "none" / "file", force=True)
    assert not (tmp_path / "none").exists()


def test_a_file_is_overwritten_when_that_is_said(settings: Settings, tmp_path: Path) -> None:
    """And not before."""
    require_free(settings, tmp_path / "file", force=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="there already: name another, or overwrite it with --force"):
        require_free(settings, tmp_path / "file", force=False)
    require_free(settings, tmp_path / "file", force=True)
