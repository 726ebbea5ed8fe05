"""A brought graph installed as a model."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnx_models import registry
from onnx_models.brought import adding, deciding, inspection
from onnx_models.brought.deciding import Answer, Decisions
from onnx_models.extractor import Extractor
from onnx_models.registry import BroughtSource, SpeakerCard
from schemas.errors import ConfigurationError
from tests.unit.onnx_models import small_graphs

GE2E = registry.speaker_card("ge2e")
SAID: dict[str, Answer | None] = {
    "sample_rate": 16_000,
    "licence": "MIT",
    "training_data": "nothing",
    "published_eer": "none",
}


@pytest.fixture
def own_models(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the shipped networks and room for others."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("ge2e", registry.VOICE_ACTIVITY_MODEL):
        shutil.copy(registry.card(name).path(models_dir), folder)
    return folder


def decided(model: onnx.ModelProto, folder: Path, **given: Answer) -> Decisions:
    return deciding.decide(inspection.inspect(model.SerializeToString()), "mine.onnx", SAID | given, folder)


def added(model: onnx.ModelProto, folder: Path, **given: Answer) -> SpeakerCard:
    return adding.add(model.SerializeToString(), "mine.onnx", decided(model, folder, **given), {}, folder)


@pytest.mark.parametrize(
    ("model", "dimension"),
    [
        (small_graphs.wespeaker(), 256),
        (small_graphs.three_d_speaker(), 192),
        (small_graphs.nemo(), 192),
        (small_graphs.waveform(outputs=("logits", "embedding")), 192),
    ],
    ids=["wespeaker", "3d-speaker", "nemo", "waveform"],
)
def test_added_models_work(model: onnx.ModelProto, dimension: int, own_models: Path, recordings: Path) -> None:
    """A model of every front end is installed as it was brought, and makes voiceprints of real recordings."""
    card = added(model, own_models)
    assert (card.name, card.space, card.dimension, card.mean) == ("mine", "mine", dimension, None)
    assert card.source == BroughtSource(brought="mine.onnx")
    assert registry.verify(card, own_models).read_bytes() == model.SerializeToString()
    (voiceprint,) = Extractor.open("mine", models_dir=own_models).extract(recordings / "demo.flac")
    assert (voiceprint.space, voiceprint.has_speech, voiceprint.vector.shape) == ("mine", True, (dimension,))


def test_a_fixed_batch_goes_window_by_window(own_models: Path, recordings: Path) -> None:
    """A graph of one window at a time says so in its card, and works on recordings of several."""
    model = small_graphs.wespeaker()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    card = added(model, own_models, window_seconds=1.0, hop_seconds=0.5)
    assert card.windows_at_once == 1
    assert Extractor.open("mine", models_dir=own_models).extract(recordings / "demo.flac")[0].has_speech


def test_another_file_of_the_same_weights_joins_the_space(own_models: Path) -> None:
    """It is centred with the space's own mean."""
    model = onnx.load(registry.card("ge2e").path(own_models))
    onnx.helper.set_model_props(model, {"copied": "from elsewhere"})
    options = deciding.family_options("ge2e-mel40")
    decisions = decided(model, own_models, space=GE2E.space)
    card = adding.add(model.SerializeToString(), "mine.onnx", decisions, options, own_models)
    assert card.space == GE2E.space
    np.testing.assert_array_equal(registry.load_mean(card), registry.load_mean(GE2E))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_other_weights_do_not_join_a_space(own_models: Path) -> None:
    """Whoever says that weights are the same is believed only when the vectors agree; nothing stays otherwise."""
    model = onnx.load(registry.card("ge2e").path(own_models))
    for tensor in model.graph.initializer:
        if tensor.name == "linear_weight":
            tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
    before = files(own_models)
    decisions, options = decided(model, own_models, space=GE2E.space), deciding.family_options("ge2e-mel40")
    with pytest.raises(ConfigurationError, match="not of one space"):
        adding.add(model.SerializeToString(), "m.onnx", decisions, options, own_models)
    assert files(own_models) == before


@pytest.mark.parametrize(
    ("model", "given", "fault"),
    [
        (small_graphs.wespeaker(), {"dimension": 192}, "vectors of 256 values, not 192"),
        (small_graphs.wespeaker(metadata={"output_dim": "512"}), {}, r"not 512 \(as its metadata says\)"),
        (small_graphs.three_d_speaker(), {"space": GE2E.space}, "those of space .* 256"),
        (small_graphs.waveform(), {"family": "kaldi-fbank80-povey"}, "could not be run"),
        (small_graphs.waveform(), {"family": "unheard"}, "no front end 'unheard'"),
    ],
    ids=["dimension", "metadata", "space", "front end", "unknown front end"],
)
def test_nothing_stays_of_what_does_not_hold(
    model: onnx.ModelProto, given: dict[str, Answer], fault: str, own_models: Path
) -> None:
    """What was said or claimed and is not so is refused, and no file is left of it."""
    before = files(own_models)
    given = {"window_seconds": 3.0, "hop_seconds": 1.5} | given
    with pytest.raises(ConfigurationError, match=fault):
        added(model, own_models, **given)
    assert files(own_models) == before
