"""Installing a brought ONNX graph as a model of its own, once it was seen to work."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from onnx_models import scoring
from onnx_models.brought import card_file
from onnx_models.brought.deciding import Answer, Decisions, member
from onnx_models.brought.inspection import MOST_TEXT
from onnx_models.brought.made_up_speech import made_up_speech
from onnx_models.brought.proving import Proof, Use, prove
from onnx_models.extractor import Extractor
from onnx_models.registry import SpeakerCard, installed
from schemas.errors import ConfigurationError

_SPEECH_SECONDS, _PITCH = 6.0, 120.0
# Two files of the same weights, one of them quantised, agree better than this; two speakers' voices hardly reach it.
_SAME_WEIGHTS = 0.9


def add(
    content: bytes, file: str, decisions: Decisions, options: Mapping[str, Answer], models_dir: Path
) -> SpeakerCard:
    """The card of the inspected graph `content` from a file called `file`, installed in `models_dir`.

    `decisions` are without gaps, `options` those of the front end. The graph is proved in a limited process before
    anything is written, and then made to work like any model. Raises ConfigurationError when the network does not do
    what the decisions say; nothing is left of it then.
    """
    value = {field: decision.value for field, decision in decisions.items()}
    use = Use(
        str(value["family"]),
        dict(options),
        int(value["sample_rate"] or 0),
        float(value["window_seconds"] or 0),
        float(value["hop_seconds"] or 0),
        value["output"] if isinstance(value["output"], int) else str(value["output"]),
    )
    proof = prove(content, use)
    joined = member(str(value["space"]), models_dir)
    _agree(proof, decisions, joined)
    name = str(value["name"])
    fields: card_file.Fields = {
        "name": name,
        "kind": "speaker",
        "summary": f"Brought as {_plain(file)}",
        "file": f"{name}.onnx",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "sample_rate": use.sample_rate,
        **{field: str(value[field]) for field in ("licence", "training_data", "published_eer", "space")},
        "dimension": proof.dimension,
        "output": use.output,
        "family": use.family,
        "window_seconds": use.window_seconds,
        "hop_seconds": use.hop_seconds,
        "windows_at_once": None if proof.batches else 1,
        "family_options": dict(options),
        "source": {"brought": _plain(file)},
    }
    files = {} if joined is None else card_file.of_space(fields, joined)
    card = card_file.write(fields, models_dir, content, files)
    try:
        _try(card, joined, models_dir)
    except BaseException:
        card_file.remove(card, models_dir)
        raise
    return card


def _agree(proof: Proof, decisions: Decisions, joined: SpeakerCard | None) -> None:
    said = decisions.get("dimension")
    if said is not None and said.value not in (None, proof.dimension):
        raise ConfigurationError(
            f"the network gives vectors of {proof.dimension} values, not {said.value} ({said.why}); choose another "
            "--output or --dimension"
        )
    if joined is not None and joined.dimension != proof.dimension:
        raise ConfigurationError(
            f"the vectors have {proof.dimension} values and those of space {joined.space!r} {joined.dimension}; leave "
            "--space out"
        )


def _try(card: SpeakerCard, joined: SpeakerCard | None, models_dir: Path) -> None:
    """A made-up recording through the whole extraction; beside another of the space, the vectors must agree."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        soundfile.write(path, made_up_speech(_PITCH, _SPEECH_SECONDS, card.sample_rate), card.sample_rate)
        vector, again = (_extracted(card, path, models_dir) for _ in range(2))
        if not vector.any() or not np.isfinite(vector).all() or not np.array_equal(vector, again):
            raise ConfigurationError(f"{card.name} made no voiceprint of a made-up recording, or another every time")
        if joined is None or not installed(joined, models_dir):
            return
        cosine = float(scoring.unit(vector) @ scoring.unit(_extracted(joined, path, models_dir)))
    if cosine < _SAME_WEIGHTS:
        raise ConfigurationError(
            f"{card.name} and {joined.name} make different vectors of one recording (cosine {cosine:.2f}), so they are "
            "not of one space; leave --space out"
        )


def _extracted(card: SpeakerCard, path: Path, models_dir: Path) -> scoring.Vectors:
    (voiceprint,) = Extractor.open(card.name, models_dir=models_dir, device="cpu").extract(path)
    return voiceprint.vector


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:MOST_TEXT]
