"""What the card of a brought ONNX graph will say: what its metadata, names and shapes tell, and what its bringer says.

The metadata is what k2-fsa's exports of WeSpeaker, 3D-Speaker and NeMo networks carry; names and shapes of inputs are
those of the toolkits' own exports.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onnx_models import registry
from onnx_models.brought.inspection import Inspected, Port, shown
from onnx_models.registry import SpeakerCard
from schemas.errors import ConfigurationError

_FAMILIES = {
    "wespeaker": "kaldi-fbank80-hamming",
    "3d-speaker": "kaldi-fbank80-povey",
    "nemo": "nemo-logmel80",
}
_BANDS, _GE2E_BANDS = 80, 40
# What the front ends do, by the keys with which metadata says what a network was trained with.
_FRAMES = {"feat_dim": "80", "window_size_ms": "25", "window_stride_ms": "10"}
_FRONT_ENDS = {
    "kaldi-fbank80-hamming": _FRAMES
    | {
        "normalize_samples": "0",
        # What one of k2-fsa's scripts calls the same.
        "normalize_features": "0",
        "window_type": "hamming",
        "feature_normalize_type": "global-mean",
    },
    "kaldi-fbank80-povey": _FRAMES
    | {"normalize_samples": "1", "window_type": "povey", "feature_normalize_type": "global-mean"},
    "nemo-logmel80": _FRAMES | {"window_type": "hann", "feature_normalize_type": "per_feature"},
}
_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
_EMBEDDINGS = ("embs", "embedding", "embeddings", "emb")

Answer = str | int | float


@dataclass(frozen=True, slots=True)
class Decision:
    """What the card will say and why; without a `value` it must be asked for, with `likely` as what to suggest."""

    value: Answer | None
    why: str
    likely: Answer | None = None


Decisions = Mapping[str, Decision]


def decide(graph: Inspected, file: str, given: Mapping[str, Answer | None], models_dir: Path) -> dict[str, Decision]:
    """What the card of `graph` will say, from a file that was called `file`, by field.

    What is `given` goes before what the graph says. Raises ConfigurationError for what no card can be made of.
    """
    _refuse_foreign_inputs(graph)
    said = {field: Decision(value, "as given") for field, value in given.items() if value is not None}
    family = said.get("family") or _family(graph)
    decisions = {
        "name": Decision(_name(file), "from the name of the file"),
        "family": family,
        "output": _output(graph, str(family.value)),
        "sample_rate": _sample_rate(graph),
        **_framing(str(family.value)),
        **_dimension(graph),
        "licence": Decision(None, "the graph does not say"),
        "training_data": Decision(None, "the graph does not say"),
        "published_eer": Decision(None, "the graph does not say", "none"),
        **said,
    }
    _refuse_other_front_end(graph, str(family.value))
    decisions["space"] = said.get("space") or Decision(decisions["name"].value, "a space of its own")
    _refuse_taken(decisions, given, models_dir)
    return decisions


def _refuse_foreign_inputs(graph: Inspected) -> None:
    kinds = [port.kind for port in graph.inputs]
    if kinds not in (["float"], ["float", "int64"]):
        raise ConfigurationError(
            f"the inputs are {', '.join(f'{shown(port.name)} ({port.kind})' for port in graph.inputs)}; known are "
            "networks of one float32 input, and of one with lengths (int64) beside it: export it so"
        )


def _family(graph: Inspected) -> Decision:
    framework = graph.metadata.get("framework", "").lower()
    if framework in _FAMILIES:
        return Decision(_FAMILIES[framework], f"its metadata says framework {framework}")
    first = graph.inputs[0]
    if len(graph.inputs) == 2:
        found = "nemo-logmel80" if _bands(first, axis=1) == _BANDS else None
    elif len(first.shape) == 2:
        found = "waveform16k"
    elif _bands(first, axis=2) == _GE2E_BANDS:
        found = "ge2e-mel40"
    elif _bands(first, axis=2) == _BANDS:
        found = {"feats": "kaldi-fbank80-hamming", "x": "kaldi-fbank80-povey"}.get(first.name)
    else:
        found = None
    shape = f"its input {shown(first.name)} has the shape {_shape(first)}"
    return Decision(found, shape if found else f"{shape}, which leaves the front end open")


def _bands(port: Port, axis: int) -> int | None:
    return port.shape[axis] if len(port.shape) == 3 else None


def _shape(port: Port) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in port.shape)}]"


def _output(graph: Inspected, family: str) -> Decision:
    """The position of the embedding: names come from a stranger, and would be all that a card keeps of them."""
    names = [port.name for port in graph.outputs]
    if len(names) == 1:
        return Decision(0, "the only output")
    for name in _EMBEDDINGS:
        if name in names:
            return Decision(names.index(name), f"the output {name}")
    if family == _FAMILIES["nemo"] and len(names) == 2:
        return Decision(1, "the output after the logits")
    return Decision(None, f"the outputs are {_listed(graph)}")


def _listed(graph: Inspected) -> str:
    return ", ".join(f"{number} {shown(port.name)} {_shape(port)}" for number, port in enumerate(graph.outputs))


def _sample_rate(graph: Inspected) -> Decision:
    said = graph.metadata.get("sample_rate", "")
    if re.fullmatch(r"[0-9]{4,5}", said):
        return Decision(int(said), "its metadata says so")
    return Decision(None, "the graph does not say", 16_000)


def _dimension(graph: Inspected) -> dict[str, Decision]:
    """Only what the metadata claims: running the network shows it, and then both must agree."""
    said = graph.metadata.get("output_dim", "")
    return {"dimension": Decision(int(said), "as its metadata says")} if re.fullmatch(r"[0-9]{1,5}", said) else {}


def _framing(family: str) -> dict[str, Decision]:
    """Windows as those of the shipped models of the same front end."""
    for card in registry.cards().values():
        if isinstance(card, SpeakerCard) and card.family == family:
            why = f"as {card.name}, of the same front end"
            return {
                "window_seconds": Decision(card.window_seconds, why),
                "hop_seconds": Decision(card.hop_seconds, why),
            }
    unknown = Decision(None, "no shipped model has this front end")
    return {"window_seconds": unknown, "hop_seconds": unknown}


def family_options(family: str) -> dict[str, Answer]:
    """Those of a shipped model of the same front end; none when there is none."""
    for card in registry.cards().values():
        if isinstance(card, SpeakerCard) and card.family == family:
            return dict(card.family_options)
    return {}


def _name(file: str) -> str | None:
    slug = re.sub(r"[^a-z0-9._-]+", "-", Path(file).stem.lower()).strip("-._")[:64]
    return slug or None


def _refuse_other_front_end(graph: Inspected, family: str) -> None:
    """Only keys that are there count: most exports leave out what their toolkit always does."""
    other = [
        f"{key} {shown(graph.metadata[key])}, here {expected}"
        for key, expected in _FRONT_ENDS.get(family, {}).items()
        if graph.metadata.get(key, expected).strip().lower() != expected
    ]
    if other:
        raise ConfigurationError(
            f"its metadata says that the network was trained with another front end than {family}: {'; '.join(other)}. "
            "Choose another --family if one does that, or export it with its true metadata"
        )


def _refuse_taken(decisions: Decisions, given: Mapping[str, Answer | None], models_dir: Path) -> None:
    name, space = decisions["name"].value, decisions["space"].value
    for option, said in (("--name", name), ("--space", space)):
        if said is not None and not re.fullmatch(_NAME, str(said)):
            raise ConfigurationError(f"{option}: {said!r} cannot be used; write lower-case letters, digits and . _ -")
    if name in registry.cards(models_dir):
        raise ConfigurationError(f"there is already a model {name!r}; choose another with --name")
    if not given.get("space") and member(str(space), models_dir):
        raise ConfigurationError(
            f"there is already an embedding space {space!r}; choose another with --space, or `--space {space}` when "
            "the weights are the same"
        )


def output_named(graph: Inspected, said: str) -> int:
    """The position of the output that `said` names or numbers. Raises ConfigurationError with those there are."""
    names = [port.name for port in graph.outputs]
    if said in names:
        return names.index(said)
    if said.isdecimal() and int(said) < len(names):
        return int(said)
    raise ConfigurationError(f"--output: there is no {shown(said)}; there are: {_listed(graph)}")


def member(space: str, models_dir: Path) -> SpeakerCard | None:
    """A model of the space, when there is one."""
    for card in registry.cards(models_dir).values():
        if isinstance(card, SpeakerCard) and card.space == space:
            return card
    return None
