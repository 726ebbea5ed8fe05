"""Cards written from code."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.brought import card_file
from onnx_models.brought.card_file import Fields
from schemas.errors import ConfigurationError

NETWORK = b"a network"


def fields(**changed: card_file.Value | dict[str, card_file.Value] | None) -> Fields:
    return {
        "name": "mine",
        "kind": "speaker",
        "summary": 'quotes ", \\, a tab\t, a bell \a, DEL \x7f, 語 and 🎙',
        "file": "mine.onnx",
        "bytes": len(NETWORK),
        "sha256": hashlib.sha256(NETWORK).hexdigest(),
        "sample_rate": 16_000,
        "licence": "MIT",
        "training_data": "none",
        "published_eer": "none",
        "space": "mine",
        "dimension": 4,
        "output": 1,
        "unit_length": True,
        "mean": None,
        "family": "waveform16k",
        "window_seconds": 1e-5 + 3,
        "hop_seconds": 1.5,
        "family_options": {"unit_variance": True, "other": -27.0},
        "source": {"brought": "mine.onnx"},
        **changed,
    }


def test_toml_keeps_every_value() -> None:
    """What is written reads back the same, whatever characters it has; what is None is left out."""
    written = tomllib.loads(card_file.toml(fields()))
    assert written == {key: value for key, value in fields().items() if value is not None}


def test_written_card_is_read_back(tmp_path: Path) -> None:
    """The network, the files beside the card and the card itself are there, and nothing else."""
    mean = np.ones(4, np.float32)
    np.save(tmp_path / "mean.npy", mean)
    card = card_file.write(
        fields(mean="mine-mean.npy"), tmp_path, NETWORK, {"mine-mean.npy": (tmp_path / "mean.npy").read_bytes()}
    )
    assert card == registry.speaker_card("mine", tmp_path)
    assert registry.verify(card, tmp_path).read_bytes() == NETWORK
    np.testing.assert_array_equal(registry.load_mean(card), mean)
    card_file.remove(card, tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == {"mean.npy", "cards"}


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"sha256": "0" * 64}, "damaged"),
        ({"dimension": -1}, "dimension"),
        ({"mean": "missing.npy"}, "missing.npy"),
        ({"summary": "half a character \ud800"}, "no card can be made"),
        ({"space": "../elsewhere"}, "space"),
    ],
)
def test_nothing_stays_of_a_card_that_is_none(tmp_path: Path, changed: dict[str, card_file.Value], fault: str) -> None:
    """A card that does not hold is refused, and everything written for it is gone."""
    with pytest.raises(ConfigurationError, match=fault):
        card_file.write(fields() | changed, tmp_path, NETWORK, {})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("taken", ["mine.onnx", "cards/mine.toml"])
def test_what_is_there_is_not_overwritten(tmp_path: Path, taken: str) -> None:
    """A file of the name is refused and stays as it was, even a link that leads nowhere."""
    (tmp_path / "cards").mkdir()
    (tmp_path / taken).symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match="already there"):
        card_file.write(fields(), tmp_path, NETWORK, {})
    assert (tmp_path / taken).is_symlink()


def test_a_name_is_no_path(tmp_path: Path) -> None:
    """A name that leads elsewhere is refused before anything is written."""
    with pytest.raises(ConfigurationError, match="name"):
        card_file.write(fields(name="../../outside", file="../outside.onnx"), tmp_path / "models", NETWORK, {})
    assert not list(tmp_path.rglob("*.onnx"))
    assert not list(tmp_path.rglob("*.toml"))


def test_faults_are_told_by_field(tmp_path: Path) -> None:
    """What is wrong with a card is its field and the fault, without a library's words around it."""
    with pytest.raises(ConfigurationError, match="made of this: sample_rate: Input should be"):
        card_file.write(fields(sample_rate=1), tmp_path, NETWORK, {})
