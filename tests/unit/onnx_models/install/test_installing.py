"""Installing models."""

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from onnx_models import registry
from onnx_models.extractor import Extractor
from onnx_models.install.installing import install
from onnx_models.install.writing import require_writable, write_atomically
from onnx_models.registry import AddressSource, BroughtSource, Card, SpeakerCard
from schemas.errors import ConfigurationError
from tests.conftest import RECORDINGS
from tests.unit.onnx_models import small_graphs
from tests.unit.onnx_models.file_server import Told, file_server, serves
from tests.unit.onnx_models.own_cards import own_card


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
    fields["source"] |= {"member": "somewhere/network.onnx", "member_sha256": sha256, "build": "copy"}
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
    told = Told()
    assert install(card, tmp_path / "models", source, told).stat() == before
    assert told.lines == []


def test_install_mends_a_damaged_file(card: Card, source: Path, tmp_path: Path) -> None:
    """A file of the right size and wrong content is replaced, and the reason is told."""
    path = install(card, tmp_path / "models", source)
    path.write_bytes(bytes(card.bytes))
    told = Told()
    assert install(card, tmp_path / "models", source, told).read_bytes() == source.read_bytes()
    assert "damaged" in told.lines[0]


def test_failed_install_leaves_nothing(card: Card, source: Path, tmp_path: Path) -> None:
    """A source that fails its check leaves no file behind."""
    source.write_bytes(b"another network")
    with pytest.raises(ConfigurationError):
        install(card, tmp_path / "models", source)
    assert not (tmp_path / "models").exists()


@pytest.fixture
def network(source: Path) -> Card:
    """A card for `source` at an address where nothing is."""
    fields = registry.card("wespeaker-resnet34-lm").model_dump()
    content = source.read_bytes()
    fields |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return SpeakerCard.model_validate(fields | {"source": {"address": "https://nowhere.invalid/there.onnx?x=1"}})


@pytest.mark.parametrize("name", ["wespeaker-resnet34-lm.onnx", "there.onnx", "renamed.onnx", None])
def test_a_file_instead_of_its_address(network: Card, source: Path, tmp_path: Path, name: str | None) -> None:
    """The file is taken by its path, or out of a folder by the name it has here, there, or by its size."""
    (source.parent / "another.onnx").write_bytes(b"a file of another size")
    given = source if name is None else source.rename(source.with_name(name)).parent
    path = install(network, tmp_path / "models", given)
    assert path is not None
    assert path.name == "wespeaker-resnet34-lm.onnx"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == network.sha256


@pytest.mark.parametrize(
    ("content", "fault"), [(b"longer than it may be", "has 21 bytes"), (b"A small network", "is not as pinned")]
)
def test_another_file_is_refused(network: Card, source: Path, tmp_path: Path, content: bytes, fault: str) -> None:
    """A given file of another size or hash is not copied, and nothing is left behind."""
    source.write_bytes(content)
    with pytest.raises(ConfigurationError, match=fault):
        install(network, tmp_path / "models", source)
    assert not list((tmp_path / "models").glob("*"))


def test_places_without_the_file(network: Card, tmp_path: Path) -> None:
    """A folder that does not hold the file, a path that is not there and a pipe are refused by name, with the cure."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match=r"there\.onnx; fetch it from https://nowhere\.invalid"):
        install(network, tmp_path / "models", tmp_path / "empty")
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "pipe"):
        with pytest.raises(ConfigurationError, match=f"{name} is neither a file nor a folder"):
            install(network, tmp_path / "models", tmp_path / name)


def test_a_brought_file_cannot_be_fetched(network: Card, source: Path, tmp_path: Path) -> None:
    """A user's own model is installed from its file only."""
    brought = network.model_copy(update={"source": BroughtSource(brought="mine.onnx")})
    with pytest.raises(ConfigurationError, match=r"brought as mine\.onnx.*--from FILE"):
        install(brought, tmp_path)
    source.rename(source.with_name("mine.onnx"))
    assert install(brought, tmp_path, source.parent) == tmp_path / "wespeaker-resnet34-lm.onnx"


def test_a_model_without_a_network_needs_nothing(tmp_path: Path) -> None:
    """There is nothing to install of a model without a file."""
    assert install(registry.card("mfcc-stats"), tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["wespeaker", "three_d_speaker", "nemo", "waveform"])
def test_an_installed_model_extracts(models_dir: Path, tmp_path: Path, kind: str) -> None:
    """A network of each public kind, fetched over HTTP, makes voiceprints of its own space, bit for bit the same."""
    content = getattr(small_graphs, kind)().SerializeToString()
    silero = registry.card("silero-vad").path(models_dir)
    (tmp_path / silero.name).symlink_to(silero)
    with file_server(serves(content)) as server:
        card = own_card(tmp_path, kind, content, source=AddressSource(address=server.address))
        install(card, tmp_path)
    extractor = Extractor.open(card.name, models_dir=tmp_path, device="cpu")
    first, second = (extractor.extract(RECORDINGS / "demo.flac")[0] for _ in range(2))
    assert (first.space, first.dimension) == (card.space, card.dimension)
    assert first.has_speech
    assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-6)
    assert first.vector.tobytes() == second.vector.tobytes()


def elsewhere_weights() -> bytes:
    """A network whose weights lie in another file: what loads it would read any file it names."""
    model = small_graphs.wespeaker()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../secret")
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("fetched", [True, False], ids=["from an address", "from a file"])
@pytest.mark.parametrize(
    ("content", "dimension", "fault"),
    [
        (elsewhere_weights(), 256, "lie in another file"),
        (small_graphs.wespeaker(32).SerializeToString(), 256, "gives vectors of 32 values, and its card says 256"),
        (b"no graph at all", 256, "ONNX"),
    ],
    ids=["external weights", "another dimension", "no graph"],
)
def test_a_network_of_an_own_card_must_prove_itself(
    tmp_path: Path, content: bytes, dimension: int, fault: str, fetched: bool
) -> None:
    """The network of a user's own card is inspected and tried before it gets its name; refused, nothing stays of it."""
    given = tmp_path / "given.onnx"
    given.write_bytes(content)
    models = tmp_path / "models"
    with file_server(serves(content)) as server:
        source = AddressSource(address=server.address)
        card = own_card(models, "wespeaker", content, name="mine", source=source, dimension=dimension)
        with pytest.raises(ConfigurationError, match=fault):
            install(card, models, None if fetched else given)
    assert [path.name for path in models.iterdir()] == ["cards"]


def test_an_own_voice_activity_network_is_inspected(tmp_path: Path) -> None:
    """A voice activity card of a user's own cannot bring in weights from elsewhere either."""
    content = elsewhere_weights()
    given = tmp_path / "network.onnx"
    given.write_bytes(content)
    fields = registry.card("silero-vad").model_dump() | {"folder": tmp_path, "source": {"brought": "network.onnx"}}
    fields |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    card = registry.VoiceActivityCard.model_validate(fields)
    with pytest.raises(ConfigurationError, match="lie in another file"):
        install(card, tmp_path / "models", given)
    assert list((tmp_path / "models").iterdir()) == []


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


def test_a_place_is_probed_before_the_work(tmp_path: Path) -> None:
    """Where a file could be written nothing is left behind or made; elsewhere the place is named."""
    require_writable(tmp_path / "new" / "folder" / "file")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for place, said in (("file/x", "file cannot be written to"), ("file/a/x", "file/a cannot be"), ("", "is a folder")):
        with pytest.raises(ConfigurationError, match=said):
            require_writable(tmp_path / place)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A models folder that cannot be made is refused by its name."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="file/models cannot be written to"):
        write_atomically(tmp_path / "file" / "models" / "network.onnx", b"")
