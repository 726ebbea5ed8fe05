"""Installing models."""

import hashlib
import os
from pathlib import Path

import pytest

from onnx_models import registry
from onnx_models.install import install, write_atomically
from onnx_models.registry import Card
from schemas.errors import ConfigurationError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "network.onnx"
    path.parent.mkdir()
    path.write_bytes(b"a small network")
    return path


@pytest.fixture
def card(source: Path) -> Card:
    """A card for `source`, installed by copying."""
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    fields = registry.card("silero-vad").model_dump() | {"bytes": source.stat().st_size, "sha256": sha256}
    fields["source"] |= {"member": "somewhere/network.onnx", "member_sha256": sha256}
    return registry.VoiceActivityCard.model_validate(fields)


def test_install_writes_the_verified_file(card: Card, source: Path, tmp_path: Path) -> None:
    """The model's file is written under the card's name, readable by everyone, and nothing is left beside it."""
    path = install(card, tmp_path / "models", source)
    assert path.read_bytes() == source.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_install_again_does_nothing(card: Card, source: Path, tmp_path: Path) -> None:
    """What is installed is neither fetched nor written again."""
    before = install(card, tmp_path / "models", source).stat()
    source.unlink()
    steps: list[str] = []
    assert install(card, tmp_path / "models", source, steps.append).stat() == before
    assert steps == []


def test_install_mends_a_damaged_file(card: Card, source: Path, tmp_path: Path) -> None:
    """A file of the right size and wrong content is replaced, and the reason is told."""
    path = install(card, tmp_path / "models", source)
    path.write_bytes(bytes(card.bytes))
    steps: list[str] = []
    assert install(card, tmp_path / "models", source, steps.append).read_bytes() == source.read_bytes()
    assert "damaged" in steps[0]


def test_failed_install_leaves_nothing(card: Card, source: Path, tmp_path: Path) -> None:
    """A source that fails its check leaves no file behind."""
    source.write_bytes(b"another network")
    with pytest.raises(ConfigurationError):
        install(card, tmp_path / "models", source)
    assert not (tmp_path / "models").exists()


def test_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption before the content is on disk leaves the old file and nothing beside it."""
    path = tmp_path / "network.onnx"
    path.write_bytes(b"old")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A models folder that cannot be made is refused by its name."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="file/models cannot be written to"):
        write_atomically(tmp_path / "file" / "models" / "network.onnx", b"")
