"""The catalogue: the cards of public models."""

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import onnx
import pytest

from onnx_models import registry
from onnx_models.brought import card_file
from onnx_models.extractor import Extractor
from onnx_models.registry import AddressSource, SpeakerCard
from tests.conftest import RECORDINGS
from tests.unit.onnx_models import small_graphs

ROOT = Path(__file__).parents[3]
CATALOGUE = [
    card
    for card in registry.cards().values()
    if isinstance(card, SpeakerCard) and isinstance(card.source, AddressSource)
]


def address(card: SpeakerCard) -> str:
    assert isinstance(card.source, AddressSource)
    return card.source.address


def small_graph(card: SpeakerCard) -> onnx.ModelProto:
    """A network with the inputs and outputs of the card's."""
    match card.family:
        case "kaldi-fbank80-hamming":
            return small_graphs.wespeaker(card.dimension)
        case "kaldi-fbank80-povey":
            return small_graphs.three_d_speaker(card.dimension)
        case "nemo-logmel80":
            return small_graphs.nemo(card.dimension)
        case "waveform16k" if card.output == 1:
            return small_graphs.waveform(card.dimension, input_name="input_values", outputs=("logits", "embeddings"))
        case "waveform16k":
            return small_graphs.waveform(card.dimension)
    raise AssertionError(f"no small graph stands for the family {card.family}")


def test_no_two_cards_share_what_is_a_files_own() -> None:
    """Addresses, hashes and file names are unique: a mix-up of rows would show."""
    for values in (map(address, CATALOGUE), (card.sha256 for card in CATALOGUE), (card.file for card in CATALOGUE)):
        assert {value: count for value, count in Counter(values).items() if count > 1} == {}


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: str(card.name))
def test_addresses_are_encrypted_and_plain(card: SpeakerCard) -> None:
    """Every address is https, of a host by name, without credentials, and of one file."""
    parts = urlsplit(address(card))
    assert parts.scheme == "https"
    assert parts.netloc == parts.hostname
    assert parts.path.endswith(".onnx")
    assert not parts.query


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: str(card.name))
def test_every_card_is_in_the_documentation(card: SpeakerCard) -> None:
    """docs/models.md has a row for every model, with what its card says."""
    shown = "not published" if "%" not in card.published_eer else card.published_eer.partition(" %")[0]
    if "of the architecture" in card.published_eer:
        shown += " (architecture)"
    row = f"| `{card.name}` | {card.family} | {card.dimension} | {shown} | {card.bytes / 1e6:.0f} MB | {card.licence} |"
    assert f"{row} {card.training_data} |" in (ROOT / "docs/models.md").read_text().splitlines()


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: str(card.name))
def test_every_card_feeds_and_reads_its_network(card: SpeakerCard, models_dir: Path, tmp_path: Path) -> None:
    """A network with the inputs and outputs of the card's makes voiceprints of the card's dimension."""
    content = small_graph(card).SerializeToString()
    fields = card.model_dump(exclude={"folder"}) | {"name": "small", "file": "small.onnx", "bytes": len(content)}
    fields["sha256"] = small_graphs.digest(content)
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "small.toml").write_text(card_file.toml(fields))
    (tmp_path / "small.onnx").write_bytes(content)
    silero = registry.card("silero-vad").path(models_dir)
    (tmp_path / silero.name).symlink_to(silero)
    (made,) = Extractor.open("small", models_dir=tmp_path, device="cpu").extract(RECORDINGS / "demo.flac")
    assert made.dimension == card.dimension
    assert np.linalg.norm(made.vector) == pytest.approx(1, abs=1e-6)


def test_the_model_without_a_network(models_dir: Path) -> None:
    """The baseline makes voiceprints with nothing installed but the voice activity detector."""
    card = registry.speaker_card("mfcc-stats")
    (made,) = Extractor.open(card.name, models_dir=models_dir).extract(RECORDINGS / "demo.flac")
    assert (made.space, made.dimension) == (card.space, card.dimension)
    assert made.has_speech
