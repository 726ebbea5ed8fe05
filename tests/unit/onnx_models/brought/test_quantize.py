"""Networks in 8 bits, and what they are weighed with."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from onnx_models import registry
from onnx_models.brought import quantize, weighing
from onnx_models.brought.inspection import inspect
from onnx_models.families import Window
from onnx_models.registry import BroughtSource, SpeakerCard
from onnx_models.session import open_session
from schemas.errors import ConfigurationError
from tests.unit.onnx_models import small_graphs


def sounds(count: int) -> list[Window]:
    generator = np.random.default_rng(0)
    return [(generator.normal(0, 0.1, 16_000).astype(np.float32),) for _ in range(count)]


def kinds(content: bytes) -> dict[str, list[str]]:
    """Names of the inputs of nodes by operator."""
    found: dict[str, list[str]] = {}
    for node in onnx.ModelProto.FromString(content).graph.node:
        found.setdefault(node.op_type, []).append(node.name)
    return found


def cosines(before: Path | bytes, after: bytes, windows: list[Window]) -> np.ndarray:  # type: ignore[type-arg]
    vectors = []
    for graph in (before, after):
        session = open_session(graph, "cpu")
        batch = {session.inputs[0]: np.stack([window[0] for window in windows])}
        (found,) = session.run(session.outputs[-1:], batch)
        vectors.append(found / np.linalg.norm(found, axis=1, keepdims=True))
    return (vectors[0] * vectors[1]).sum(axis=1)


def test_convolutions_only(tmp_path: Path) -> None:
    """Of a network with convolutions these are quantised, statically, and its products stay as they are."""
    path = small_graphs.written(small_graphs.waveform(), tmp_path / "net.onnx")
    done, how = quantize.quantised(path, sounds(8))
    assert how == "static int8 of 1 convolutions, calibrated on 8 windows"
    weights = {tensor.name: tensor for tensor in onnx.ModelProto.FromString(done).graph.initializer}
    assert {tensor.data_type for name, tensor in weights.items() if name.startswith("filters_quant")} == {
        onnx.TensorProto.INT8
    }
    # One scale for every output channel.
    assert [len(onnx.numpy_helper.to_array(weights[name])) for name in weights if name == "filters_scale"] == [
        small_graphs.HIDDEN
    ]
    # The preparation makes one operator of a product and its sum.
    assert {"MatMul", "Gemm"} & kinds(done).keys()
    assert cosines(path, done, sounds(4)).min() > 0.98


def test_recurrent_layers_but_the_first(models_dir: Path) -> None:
    """GE2E keeps its first layer, and its vectors."""
    path = registry.card("ge2e").path(models_dir)
    generator = np.random.default_rng(0)
    windows: list[Window] = [(generator.gamma(0.3, 0.01, (160, 40)).astype(np.float32),) for _ in range(4)]
    done, how = quantize.quantised(path, windows)
    assert how == "dynamic int8 of 2 LSTM layers, all but the first"
    found = kinds(done)
    assert (len(found["LSTM"]), len(found["DynamicQuantizeLSTM"])) == (1, 2)
    assert cosines(path, done, windows).min() > 0.99


def test_the_result_is_like_a_brought_file(tmp_path: Path) -> None:
    """What is made here would also be taken from a stranger, and is the same bytes every time."""
    path = small_graphs.written(small_graphs.waveform(), tmp_path / "net.onnx")
    done, _ = quantize.quantised(path, sounds(3))
    assert inspect(done).inputs == inspect(path.read_bytes()).inputs
    assert done == quantize.quantised(path, sounds(3))[0]
    assert [found.name for found in tmp_path.iterdir()] == ["net.onnx"]


def test_nothing_to_quantise(tmp_path: Path) -> None:
    """A network of products only, or of one LSTM layer, is refused with the reason."""
    path = small_graphs.written(small_graphs.wespeaker(), tmp_path / "net.onnx")
    with pytest.raises(ConfigurationError, match=r"net\.onnx has no convolutions"):
        quantize.quantised(path, [])


def test_seven_bits_where_sums_would_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processors without wide sums get weights of 7 bits, others of 8."""
    path = small_graphs.written(small_graphs.waveform(), tmp_path / "net.onnx")
    largest = {}
    for wide in (False, True):
        monkeypatch.setattr(quantize, "adds_in_32_bits", lambda wide=wide: wide)
        done, _ = quantize.quantised(path, sounds(2))
        (weights,) = (
            onnx.numpy_helper.to_array(tensor)
            for tensor in onnx.ModelProto.FromString(done).graph.initializer
            if tensor.name == "filters_quantized"
        )
        largest[wide] = int(np.abs(weights.astype(int)).max())
    assert largest == {False: 64, True: 127}


@pytest.fixture
def folder(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the shipped voice activity detector."""
    path = tmp_path / "models"
    path.mkdir()
    shutil.copy(registry.card(registry.VOICE_ACTIVITY_MODEL).path(models_dir), path)
    return path


@pytest.fixture
def card(folder: Path) -> SpeakerCard:
    """An installed waveform model."""
    import hashlib

    from onnx_models.brought import card_file

    content = bytes(small_graphs.waveform(32).SerializeToString())
    fields: card_file.Fields = {
        "name": "mine",
        "kind": "speaker",
        "summary": "made for tests",
        "file": "mine.onnx",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "sample_rate": 16_000,
        "licence": "MIT",
        "training_data": "none",
        "published_eer": "none",
        "space": "mine",
        "dimension": 32,
        "family": "waveform16k",
        "window_seconds": 2.0,
        "hop_seconds": 1.0,
        "source": {"brought": "mine.onnx"},
    }
    made = card_file.write(fields, folder, content, {})
    assert made.source == BroughtSource(brought="mine.onnx")
    return made


@pytest.fixture
def speakers(tmp_path: Path, recordings: Path) -> Path:
    """Two recordings each of two folders, and one recording without speech."""
    for name in ("one/demo.flac", "one/answer.flac", "two/ulaw-8k.wav", "two/opus.opus"):
        path = tmp_path / "speakers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recordings / path.name, path)
    return tmp_path / "speakers"


def test_windows_are_those_of_the_front_end(card: SpeakerCard, speakers: Path, folder: Path) -> None:
    """Calibration sees what the network will see: windows of speech, one for each recording."""
    found = weighing.windows(card, weighing.recordings(speakers).recordings, folder)
    assert len(found) == 4
    assert all(window[0].dtype == np.float32 and len(window[0]) <= 32_000 for window in found)


def test_weighing_a_network_against_itself(card: SpeakerCard, speakers: Path, folder: Path) -> None:
    """The same network has the same vectors and the same error rate as itself."""
    same = (folder / "mine.onnx").read_bytes()
    weighed = weighing.weigh(card, same, weighing.recordings(speakers), folder, lambda _: None)
    assert (weighed.recordings, weighed.targets, weighed.nontargets) == (4, 2, 4)
    assert weighed.cosine_min == pytest.approx(1.0)
    assert weighed.eer_before == weighed.eer_after is not None
    assert weighed.speed_before > 0 < weighed.speed_after


def test_a_list_of_trials(card: SpeakerCard, speakers: Path, folder: Path, tmp_path: Path) -> None:
    """With a list only its trials count."""
    (tmp_path / "trials.txt").write_text("1 one/demo.flac one/answer.flac\n0 one/demo.flac two/opus.opus\n")
    corpus = weighing.recordings(speakers, tmp_path / "trials.txt")
    weighed = weighing.weigh(card, (folder / "mine.onnx").read_bytes(), corpus, folder, lambda _: None)
    assert (weighed.recordings, weighed.targets, weighed.nontargets) == (3, 1, 1)


def test_recordings_without_speakers(card: SpeakerCard, speakers: Path, folder: Path) -> None:
    """A plain folder of recordings is enough for speed and likeness; there is no error rate then."""
    corpus = weighing.recordings(speakers / "one")
    assert [labelled.path.name for labelled in corpus.recordings] == ["answer.flac", "demo.flac"]
    weighed = weighing.weigh(card, (folder / "mine.onnx").read_bytes(), corpus, folder, lambda _: None)
    assert (weighed.eer_before, weighed.eer_after) == (None, None)


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_no_recordings(name: str, tmp_path: Path) -> None:
    """A folder without recordings, or none, is refused."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match=r"no recordings|no such"):
        weighing.recordings(tmp_path / name)


def test_a_recording_that_cannot_be_read_is_named(card: SpeakerCard, speakers: Path, folder: Path) -> None:
    """Damage is refused with the name of the file, before anything is made of the others."""
    (speakers / "one" / "bad.wav").write_bytes(b"no recording")
    corpus = weighing.recordings(speakers)
    with pytest.raises(ConfigurationError, match=r"bad\.wav"):
        weighing.windows(card, corpus.recordings, folder)


def test_evenly_spread() -> None:
    """Of many recordings the first, the last and some between are taken; of few, all."""
    found = [weighing.Labelled(Path(str(number)), "") for number in range(100)]
    assert [int(str(labelled.path)) for labelled in weighing.spread(found, 4)] == [0, 33, 66, 99]
    assert weighing.spread(found, 1000) == found
