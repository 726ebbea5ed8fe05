"""The model cards and the registry."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.registry import CARDS, SpeakerCard
from schemas.errors import ConfigurationError

CARD_NAMES = sorted(registry.load_cards())


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """A folder with a copy of the default model's card, its mean vector and its calibration."""
    for name in ("ge2e.toml", "ge2e-mean.npy", "ge2e-calibration.json"):
        (tmp_path / name).write_bytes((CARDS / name).read_bytes())
    return tmp_path


def test_default_models_have_cards() -> None:
    """Both models that an extraction needs are among the cards."""
    assert {registry.DEFAULT_MODEL, registry.VOICE_ACTIVITY_MODEL} <= set(CARD_NAMES)


@pytest.mark.parametrize("name", CARD_NAMES)
def test_card_file_is_named_after_its_model(name: str) -> None:
    """Every card lies in the file of its own name."""
    assert (CARDS / f"{name}.toml").is_file()


@pytest.mark.parametrize("name", CARD_NAMES)
def test_card_states_licence_and_training_data(name: str) -> None:
    """No model comes without its licence and what it was trained on."""
    card = registry.card(name)
    assert card.licence
    assert card.training_data


@pytest.mark.parametrize("name", [name for name in CARD_NAMES if isinstance(registry.card(name), SpeakerCard)])
def test_mean_vector_fits_its_card(name: str) -> None:
    """The mean vector of every speaker model has its dimension, and that of unit vectors is shorter than one."""
    card = registry.speaker_card(name)
    mean = registry.load_mean(card)
    assert mean.shape == (card.dimension,)
    assert bool(mean.any()) == (card.mean is not None)
    if card.unit_length:
        assert np.linalg.norm(mean) < 1


def test_card_is_frozen() -> None:
    """A card cannot be changed once loaded."""
    with pytest.raises(ValueError, match="frozen"):
        registry.card("ge2e").name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("found", "replacement"),
    [
        ('name = "ge2e"', ""),
        ('kind = "speaker"', 'kind = "poetry"'),
        ("dimension = 256", "dimension = 0"),
        ('file = "ge2e.onnx"', 'file = "../ge2e.onnx"'),
        ('sha256 = "d2a7', 'sha256 = "xyz'),
        ("summary =", "surprise = 1\nsummary ="),
        ("[source]", "[source"),
        ("summary =", f"a = {'[' * 30_000}\nsummary ="),
        ("summary =", "#" * (1 << 16) + "\nsummary ="),
    ],
)
def test_faulty_card_is_named(cards: Path, found: str, replacement: str) -> None:
    """A card that is not one stops the registry with the name of its file."""
    text = (cards / "ge2e.toml").read_text()
    assert found in text
    (cards / "ge2e.toml").unlink()
    (cards / "faulty.toml").write_text(text.replace(found, replacement, 1))
    with pytest.raises(ConfigurationError, match=r"faulty\.toml"):
        registry.load_cards(cards)


def test_faults_of_a_card_are_told_by_field(cards: Path) -> None:
    """What is wrong is each field and its fault, without what was given or a library's addresses."""
    text = (cards / "ge2e.toml").read_text().replace("dimension = 256", "dimension = 0")
    (cards / "ge2e.toml").write_text(text.replace("summary =", '"sur\\u001bprise" = "secret"\nsummary ='))
    with pytest.raises(ConfigurationError) as caught:
        registry.load_cards(cards)
    assert caught.value.message == (
        f"{cards / 'ge2e.toml'} is not a model card: dimension: Input should be greater than 0; "
        "sur�prise: Extra inputs are not permitted"
    )


@pytest.mark.parametrize("kind", ["", 'kind = "poetry"', "kind = 3"])
def test_kinds_are_told(cards: Path, kind: str) -> None:
    """A card of another kind, or of none, is told which kinds there are."""
    path = cards / "ge2e.toml"
    path.write_text(path.read_text().replace('kind = "speaker"', kind))
    with pytest.raises(ConfigurationError, match="card: kind: Input should be 'speaker' or 'voice-activity'"):
        registry.load_cards(cards)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_cards_are_plain_files(cards: Path, make: Callable[[Path], None]) -> None:
    """A card that is a pipe, a device or a folder is refused at once."""
    make(cards / "faulty.toml")
    with pytest.raises(ConfigurationError, match=r"faulty\.toml is not a model card: it is not a plain file"):
        registry.load_cards(cards)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00\x10\x00" + b"[" * 16, bytes(100_000)],
    ids=["empty", "archive", "header", "large"],
)
def test_a_mean_that_is_none_is_named(cards: Path, content: bytes) -> None:
    """A mean's file that holds something else is refused by its path."""
    (cards / "ge2e-mean.npy").write_bytes(content)
    card = registry.load_cards(cards)["ge2e"]
    assert isinstance(card, SpeakerCard)
    with pytest.raises(ConfigurationError, match=r"ge2e-mean\.npy"):
        registry.load_mean(card)


def test_card_without_its_mean_is_named(cards: Path) -> None:
    """A card whose mean vector is not beside it stops the registry."""
    (cards / "ge2e-mean.npy").unlink()
    with pytest.raises(ConfigurationError, match=r"ge2e\.toml.*ge2e-mean\.npy"):
        registry.load_cards(cards)


def test_two_cards_of_one_name_are_refused(cards: Path) -> None:
    """A second card of the same name is refused by the name of its file."""
    (cards / "second.toml").write_text((cards / "ge2e.toml").read_text())
    with pytest.raises(ConfigurationError, match=r"second\.toml.*'ge2e'"):
        registry.load_cards(cards)


def test_new_card_is_found(cards: Path) -> None:
    """A card that is put into the folder is loaded without any other change."""
    text = (cards / "ge2e.toml").read_text().replace('name = "ge2e"', 'name = "ge2e-two"')
    (cards / "ge2e-two.toml").write_text(text)
    assert list(registry.load_cards(cards)) == ["ge2e", "ge2e-two"]


def test_own_card_joins_the_shipped(cards: Path) -> None:
    """A card in the folder of the user's own is a model like any other, and knows where its files lie."""
    models_dir = cards / "models"
    own = registry.own_cards_dir(models_dir)
    own.mkdir(parents=True)
    (own / "mine.toml").write_text((cards / "ge2e.toml").read_text().replace('name = "ge2e"', 'name = "mine"'))
    for name in ("ge2e-mean.npy", "ge2e-calibration.json"):
        (own / name).write_bytes((cards / name).read_bytes())
    (own / "ge2e-calibration.json").touch()
    found = registry.cards(models_dir)
    assert found.keys() - registry.cards().keys() == {"mine"}
    assert registry.speaker_card("mine", models_dir).folder == own
    assert not found["mine"].shipped
    assert found["ge2e"].shipped


def test_own_card_cannot_take_a_shipped_name(cards: Path) -> None:
    """A card of one's own named like a shipped one is refused, rather than silently be the other model."""
    own = registry.own_cards_dir(cards / "models")
    own.mkdir(parents=True)
    for name in ("ge2e.toml", "ge2e-mean.npy", "ge2e-calibration.json"):
        (own / name).write_bytes((cards / name).read_bytes())
    (own / "ge2e-calibration.json").touch()
    with pytest.raises(ConfigurationError, match="names that are taken: ge2e"):
        registry.cards(cards / "models")


@pytest.mark.parametrize("missing", ["file", "source"])
def test_network_and_its_source_belong_together(missing: str) -> None:
    """A card that names a file without saying where it comes from, or the other way round, is none."""
    card = registry.speaker_card("ge2e").model_dump() | {missing: None}
    with pytest.raises(ValueError, match="belong together"):
        SpeakerCard.model_validate(card)


def test_unknown_model_names_the_known() -> None:
    """Asking for a model that is not there lists those that are."""
    with pytest.raises(ConfigurationError, match=r"ge2e, .*silero-vad"):
        registry.card("nobody")


def test_voice_activity_model_makes_no_voiceprints() -> None:
    """A model of another kind is refused as a speaker model."""
    with pytest.raises(ConfigurationError, match="voice-activity"):
        registry.speaker_card("silero-vad")


def test_verify_names_the_cure_for_a_missing_model(tmp_path: Path) -> None:
    """A model that is not installed is refused with the command that installs it."""
    with pytest.raises(ConfigurationError, match="voiceprint models install ge2e"):
        registry.verify(registry.card("ge2e"), tmp_path)


def test_verify_refuses_an_altered_model(tmp_path: Path, models_dir: Path) -> None:
    """One flipped bit in a model's file is found."""
    card = registry.card("ge2e")
    content = bytearray(card.path(models_dir).read_bytes())
    content[1000] ^= 1
    card.path(tmp_path).write_bytes(content)
    assert registry.installed(card, tmp_path)
    with pytest.raises(ConfigurationError, match="damaged"):
        registry.verify(card, tmp_path)
