"""What a card says of a brought graph before it runs."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_models import registry
from onnx_models.brought import deciding, inspection
from onnx_models.brought.deciding import Decision
from onnx_models.brought.inspection import Inspected
from schemas.errors import ConfigurationError
from tests.unit.onnx_models import small_graphs

GE2E = registry.speaker_card("ge2e")
K2_WESPEAKER = {
    "framework": "wespeaker",
    "language": "English",
    "sample_rate": "16000",
    "output_dim": "256",
    "normalize_samples": "0",
}
K2_3D_SPEAKER = {
    **K2_WESPEAKER,
    "framework": "3d-speaker",
    "normalize_samples": "1",
    "feature_normalize_type": "global-mean",
    "output_dim": "192",
}
K2_NEMO = {
    "framework": "nemo",
    "sample_rate": "16000",
    "output_dim": "192",
    "feature_normalize_type": "per_feature",
    "window_type": "hann",
    "window_size_ms": "25",
    "window_stride_ms": "10",
    "feat_dim": "80",
}


def looked_into(model: onnx.ModelProto) -> Inspected:
    return inspection.inspect(model.SerializeToString())


def values(decisions: dict[str, Decision]) -> dict[str, deciding.Answer | None]:
    return {field: decision.value for field, decision in decisions.items()}


@pytest.mark.parametrize(
    ("model", "family", "output"),
    [
        (small_graphs.wespeaker(metadata=K2_WESPEAKER), "kaldi-fbank80-hamming", 0),
        (small_graphs.three_d_speaker(metadata=K2_3D_SPEAKER), "kaldi-fbank80-povey", 0),
        (small_graphs.nemo(metadata=K2_NEMO), "nemo-logmel80", 1),
    ],
    ids=["wespeaker", "3d-speaker", "nemo"],
)
def test_metadata_of_k2(model: onnx.ModelProto, family: str, output: int, tmp_path: Path) -> None:
    """The copies of k2-fsa say what they are; only what no file says is left to ask."""
    found = values(deciding.decide(looked_into(model), "Some Model_v1.onnx", {}, tmp_path))
    assert (found["family"], found["output"], found["sample_rate"]) == (family, output, 16_000)
    assert found["name"] == found["space"] == "some-model_v1"
    assert {field for field, value in found.items() if value is None} == {"licence", "training_data", "published_eer"}


@pytest.mark.parametrize(
    ("model", "family"),
    [
        (small_graphs.wespeaker(), "kaldi-fbank80-hamming"),
        (small_graphs.three_d_speaker(), "kaldi-fbank80-povey"),
        (small_graphs.nemo(), "nemo-logmel80"),
        (small_graphs.waveform(), "waveform16k"),
        (small_graphs.waveform(input_name="x"), "waveform16k"),
    ],
    ids=["wespeaker", "3d-speaker", "nemo", "waveform", "waveform x"],
)
def test_inputs_tell_the_front_end(model: onnx.ModelProto, family: str, tmp_path: Path) -> None:
    """Without metadata the names and shapes of the inputs decide, and the sample rate has to be asked for."""
    decisions = deciding.decide(looked_into(model), "m.onnx", {}, tmp_path)
    assert decisions["family"].value == family
    assert decisions["sample_rate"] == Decision(None, "the graph does not say", 16_000)


def test_the_default_model(models_dir: Path, tmp_path: Path) -> None:
    """A real graph: 40 bands are those of GE2E, with its windows and its options."""
    graph = inspection.inspect((models_dir / "ge2e.onnx").read_bytes())
    decisions = deciding.decide(graph, "other.onnx", {}, tmp_path)
    assert decisions["family"].value == "ge2e-mel40"
    assert decisions["window_seconds"].value == pytest.approx(1.6)
    assert deciding.family_options("ge2e-mel40") == GE2E.family_options


def test_open_questions_stay_open(tmp_path: Path) -> None:
    """80 bands under a name that no toolkit uses leave the window of the front end open, and so its length."""
    model = small_graphs.wespeaker()
    model.graph.input[0].name = model.graph.node[0].input[0] = "features"
    decisions = deciding.decide(looked_into(model), "m.onnx", {}, tmp_path)
    assert decisions["family"].value is None
    assert "'features' has the shape [?, ?, 80]" in decisions["family"].why
    assert decisions["window_seconds"].value is None
    given = {"family": "waveform16k", "window_seconds": 4.0}
    decided = deciding.decide(looked_into(model), "m.onnx", given, tmp_path)
    assert decided["family"] == Decision("waveform16k", "as given")
    assert (decided["window_seconds"].value, decided["hop_seconds"].value) == (4.0, 5.0)


def test_outputs(tmp_path: Path) -> None:
    """Of several outputs the one named like an embedding is taken; strange names have to be chosen from."""
    named = looked_into(small_graphs.waveform(outputs=("logits", "embeddings")))
    assert deciding.decide(named, "m.onnx", {}, tmp_path)["output"].value == 1
    strange = looked_into(small_graphs.waveform(outputs=("one", "two")))
    assert deciding.decide(strange, "m.onnx", {}, tmp_path)["output"].value is None
    assert deciding.output_named(strange, "two") == deciding.output_named(strange, "1") == 1
    for said in ("three", "2", "-1"):
        with pytest.raises(ConfigurationError, match="there are: 0 'one'"):
            deciding.output_named(strange, said)


def foreign(*kinds: int) -> onnx.ModelProto:
    model = small_graphs.wespeaker()
    del model.graph.input[:]
    for number, kind in enumerate(kinds):
        model.graph.input.append(helper.make_tensor_value_info(f"input{number}", kind, ["B", "T", 80]))
    return model


@pytest.mark.parametrize(
    "kinds",
    [(TensorProto.FLOAT16,), (TensorProto.FLOAT, TensorProto.FLOAT), (TensorProto.INT64,), (1, 7, 7)],
)
def test_foreign_inputs_are_refused(kinds: tuple[int, ...], tmp_path: Path) -> None:
    """What no front end feeds is refused with what there is."""
    with pytest.raises(ConfigurationError, match="the inputs are 'input0'"):
        deciding.decide(looked_into(foreign(*kinds)), "m.onnx", {}, tmp_path)


@pytest.mark.parametrize(
    ("make", "metadata", "key", "said"),
    [
        (small_graphs.wespeaker, K2_WESPEAKER, "normalize_samples", "1"),
        (small_graphs.wespeaker, K2_WESPEAKER, "normalize_features", "1"),
        (small_graphs.wespeaker, K2_WESPEAKER, "window_type", "povey"),
        (small_graphs.wespeaker, K2_WESPEAKER, "window_size_ms", "32"),
        (small_graphs.three_d_speaker, K2_3D_SPEAKER, "normalize_samples", "0"),
        (small_graphs.three_d_speaker, K2_3D_SPEAKER, "window_type", "hamming"),
        (small_graphs.three_d_speaker, K2_3D_SPEAKER, "feature_normalize_type", ""),
        (small_graphs.three_d_speaker, K2_3D_SPEAKER, "feat_dim", "40"),
        (small_graphs.nemo, K2_NEMO, "window_size_ms", "20"),
        (small_graphs.nemo, K2_NEMO, "feature_normalize_type", "all_features"),
    ],
)
def test_another_front_end_is_refused(
    make: Callable[..., onnx.ModelProto], metadata: dict[str, str], key: str, said: str, tmp_path: Path
) -> None:
    """A network that says it was trained on other features would be fed what it does not know: both are named."""
    graph = looked_into(make(metadata=metadata | {key: said}))
    with pytest.raises(ConfigurationError, match=f"another front end than .*: {key} '{said}', here "):
        deciding.decide(graph, "m.onnx", {}, tmp_path)
    # A waveform network hears no features.
    deciding.decide(graph, "m.onnx", {"family": "waveform16k"}, tmp_path)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"name": "ge2e"}, "already a model 'ge2e'"),
        ({"name": "../x"}, "--name"),
        ({"space": "Not A Space"}, "--space"),
        ({"name": GE2E.space}, "already an embedding space 'ge2e"),
    ],
)
def test_taken_and_impossible_names(given: dict[str, str], fault: str, tmp_path: Path) -> None:
    """A name or a space of another model has to be changed, unless the space is meant."""
    graph = looked_into(small_graphs.wespeaker())
    with pytest.raises(ConfigurationError, match=fault):
        deciding.decide(graph, "m.onnx", given, tmp_path)
    deciding.decide(graph, "m.onnx", {"space": GE2E.space}, tmp_path)


def test_a_file_without_a_usable_name(tmp_path: Path) -> None:
    """A name that no model may have is asked for."""
    decisions = deciding.decide(looked_into(small_graphs.wespeaker()), "語.onnx", {}, tmp_path)
    assert decisions["name"].value is None
