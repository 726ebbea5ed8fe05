"""Heads that users bring, and take away again."""

from pathlib import Path

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.heads import load_heads
from onnx_models.heads.adding import add, remove
from schemas.errors import ConfigurationError
from tests.unit.onnx_models.heads.made_heads import constant, write_head


def names(models_dir: Path) -> list[str]:
    return [head.card.name for head in load_heads(models_dir) if not head.shipped]


def test_added_and_removed(tmp_path: Path) -> None:
    """A head that is added is there whole, whatever becomes of where it came from, until it is removed."""
    brought = write_head(tmp_path / "brought", constant(40.0), weights="weights.npz")
    assert add(brought, tmp_path / "models").card.name == "made"
    (tmp_path / "brought" / "weights.npz").unlink()
    (head,) = (head for head in load_heads(tmp_path / "models") if not head.shipped)
    assert head.tell(np.zeros((1, 256), np.float32)).tolist() == [40.0]
    remove("made", tmp_path / "models")
    assert names(tmp_path / "models") == []
    assert list((tmp_path / "models" / "heads").iterdir()) == []


def test_added_again(tmp_path: Path) -> None:
    """A head takes the place of an older one of its name."""
    for years in (40.0, 41.0):
        add(write_head(tmp_path / "brought", constant(years)), tmp_path / "models")
    (head,) = (head for head in load_heads(tmp_path / "models") if not head.shipped)
    assert head.tell(np.zeros((1, 256), np.float32)).tolist() == [41.0]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"space": "nobodys"}, "no model has the embedding space 'nobodys'"),
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"space": registry.speaker_card("mfcc-stats").space}, "takes embeddings of 256 values"),
    ],
)
def test_heads_that_fit_nothing(tmp_path: Path, changes: dict[str, str], fault: str) -> None:
    """A head for an unknown space, of another dimension or with other weights is refused, and nothing is copied."""
    brought = write_head(tmp_path / "brought", constant(40.0), **changes)
    with pytest.raises(ConfigurationError, match=fault):
        add(brought, tmp_path / "models")
    assert names(tmp_path / "models") == []


def test_a_second_that_tells_the_same(tmp_path: Path) -> None:
    """A second head of one kind for one space is refused until the first is removed."""
    add(write_head(tmp_path / "one", constant(1.0)), tmp_path / "models")
    second = write_head(tmp_path / "two", constant(2.0), name="second")
    with pytest.raises(ConfigurationError, match="made and second both tell age"):
        add(second, tmp_path / "models")
    assert names(tmp_path / "models") == ["made"]


@pytest.mark.parametrize(("name", "reason"), [("gender-ge2e", "it is shipped"), ("none", "there is no such head")])
def test_what_cannot_be_removed(tmp_path: Path, name: str, reason: str) -> None:
    """Shipped heads stay, and a name that is not there is told apart from them."""
    with pytest.raises(ConfigurationError, match=f"{name} cannot be removed: {reason}"):
        remove(name, tmp_path)
