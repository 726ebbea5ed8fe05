"""Retiring models."""

import dataclasses
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from onnx_models import profiles, registry
from onnx_models.install import retire
from onnx_models.registry import SpeakerCard
from schemas import voiceprint
from schemas.errors import ConfigurationError
from schemas.voiceprint import Signer, Voiceprint
from tests.unit.onnx_models import small_graphs
from tests.unit.onnx_models.own_cards import own_card, own_head

NETWORK = small_graphs.wespeaker(32).SerializeToString()


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., SpeakerCard]:
    """Installs a user's own model of the given name and fields."""

    def install(name: str, **fields: str) -> SpeakerCard:
        (tmp_path / "cards").mkdir(exist_ok=True)
        for file in fields.values():
            if file.endswith(".npy"):
                np.save(tmp_path / "cards" / file, np.zeros(32, np.float32))
        card = own_card(tmp_path, "wespeaker", NETWORK, name=name, dimension=32, **fields)
        card.path(tmp_path).write_bytes(NETWORK)
        return card

    return install


def made(space: str, seed: int = 0) -> Voiceprint:
    return Voiceprint(
        model="mine",
        model_sha256=bytes(32),
        space=space,
        vector=np.random.default_rng(seed).normal(size=32).astype(np.float32),
        speech_length=1.0,
        recording_length=2.0,
        sample_rate=16000,
        channel_number=0,
        media_sha256=bytes(32),
        created_ms=0,
    )


def test_all_that_is_the_models_own_goes(installed: Callable[..., SpeakerCard], tmp_path: Path) -> None:
    """The network, an unfinished download, the card and its mean are removed; profiles and heads stay and are named."""
    card = installed("mine", mean="mine-mean.npy")
    (tmp_path / ".mine.onnx.0123456789ab.partial").write_bytes(b"begun")
    profile = dataclasses.replace(profiles.card_profile(card), name="telephone", created=date.today().isoformat())  # noqa: DTZ011
    profile_path = profiles.save_profile(profile, tmp_path)
    own_head(tmp_path, "age", "mine-1", 32)
    own_head(tmp_path, "other", "other-1", 32)

    found = retire.stranded(card, tmp_path)
    assert found.anything
    assert found.profiles == (profile_path,)
    assert found.heads == (tmp_path / "heads" / "age.toml",)
    assert retire.retire(card, tmp_path) == list(found.removed)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    heads = {f"heads/{name}" for name in ("age.toml", "age.npz", "other.toml", "other.npz")}
    assert left == heads | {"profiles/mine-1/telephone.json"}
    assert "mine" not in registry.cards(tmp_path)


def test_a_successor_strands_nothing(installed: Callable[..., SpeakerCard], tmp_path: Path) -> None:
    """A model whose space another installed model shares strands nothing; one that is not installed does not count."""
    card = installed("mine")
    other = installed("mine-int8", space="mine-1")
    assert retire.stranded(card, tmp_path).successors == ("mine-int8",)
    assert not retire.stranded(card, tmp_path).anything
    other.path(tmp_path).unlink()
    assert retire.stranded(card, tmp_path).anything


def test_what_another_model_uses_stays(installed: Callable[..., SpeakerCard], tmp_path: Path) -> None:
    """A mean that another card names, and a file that it shares, are not removed."""
    card = installed("mine", mean="shared-mean.npy")
    installed("twin", mean="shared-mean.npy", file="mine.onnx")
    assert retire.retire(card, tmp_path) == [tmp_path / "cards" / "mine.toml"]
    registry.verify(registry.card("twin", tmp_path), tmp_path)
    registry.load_mean(registry.speaker_card("twin", tmp_path))


def test_a_shipped_model_keeps_its_card(models_dir: Path, tmp_path: Path) -> None:
    """Of a model of this package only the file goes, and it can be installed again."""
    card = registry.card("ge2e")
    shutil.copy(card.path(models_dir), tmp_path)
    assert retire.stranded(card, tmp_path).space == registry.speaker_card("ge2e").space
    assert retire.retire(card, tmp_path) == [tmp_path / "ge2e.onnx"]
    assert "ge2e" in registry.cards(tmp_path)
    with pytest.raises(ConfigurationError, match="is not installed"):
        retire.retire(card, tmp_path)


def test_voiceprints_are_counted_by_space(tmp_path: Path) -> None:
    """Containers and Base64 are found in files of any kind, and those that cannot be read are told."""
    containers = [voiceprint.encode(made("mine-1", seed)) for seed in range(4)]
    texts = [voiceprint.to_base64(container) for container in containers]
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "one.vp").write_bytes(containers[0])
    (tmp_path / "other.vp").write_bytes(voiceprint.encode(made("other-1")))
    (tmp_path / "deep" / "lines.txt").write_text(f"\ufeff{texts[1]}\r\n\r\n{texts[2]}\r\n")
    (tmp_path / "deep" / "er" / "people.json").write_text(f'[{{"name": "Ann", "voiceprint": "{texts[3]}"}}]')
    (tmp_path / "damaged.vp").write_bytes(containers[0][:-1] + b"x")
    (tmp_path / "signed.vp").write_bytes(voiceprint.encode(made("mine-1"), Signer(1, b"key")))
    (tmp_path / "cut.txt").write_text(texts[0][:-7])
    (tmp_path / "empty.vp").touch()
    (tmp_path / "sound.wav").write_bytes(b"RIFF" + bytes(1000))
    (tmp_path / "again").symlink_to(tmp_path / "deep")
    found = retire.find_voiceprints([tmp_path])
    assert found.by_space == Counter({"mine-1": 4, "other-1": 1})
    assert found.unreadable == 3
    with_keys = retire.find_voiceprints([tmp_path], {1: b"key"})
    assert with_keys.by_space == Counter({"mine-1": 5, "other-1": 1})
    assert with_keys.unreadable == 2


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A folder of voiceprints that is not there is refused: nothing found would be a false comfort."""
    with pytest.raises(ConfigurationError, match="is not a folder"):
        retire.find_voiceprints([tmp_path / "missing"])
