"""Cards of a user's own, as tests write them into a models folder."""

import hashlib
from pathlib import Path

import numpy as np

from onnx_models import heads, registry
from onnx_models.brought import card_file
from onnx_models.heads import Head, HeadCard, weights
from onnx_models.registry import AddressSource, BroughtSource, SpeakerCard

# How the small graphs of each kind are fed and read.
_USES: dict[str, dict[str, str | int]] = {
    "wespeaker": {"family": "kaldi-fbank80-hamming", "dimension": 256},
    "three_d_speaker": {"family": "kaldi-fbank80-povey", "dimension": 192},
    "nemo": {"family": "nemo-logmel80", "dimension": 192, "output": 1},
    "waveform": {"family": "waveform16k", "dimension": 192},
}


def own_card(
    models_dir: Path,
    kind: str,
    content: bytes,
    *,
    name: str | None = None,
    source: AddressSource | BroughtSource | None = None,
    **fields: str | float,
) -> SpeakerCard:
    """Writes a card for the small graph `content` of `kind` among the user's own; the network is not installed."""
    name = name or kind.replace("_", "-")
    given = {
        "name": name,
        "kind": "speaker",
        "summary": "a small network with random weights",
        "file": f"{name}.onnx",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "sample_rate": 16000,
        "licence": "none",
        "training_data": "none",
        "published_eer": "none",
        "space": f"{name}-1",
        "window_seconds": 3.0,
        "hop_seconds": 1.5,
        **_USES[kind],
        **fields,
        "source": (source or BroughtSource(brought=f"{kind}.onnx")).model_dump(),
    }
    path = registry.own_cards_dir(models_dir) / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(card_file.toml(given))
    return registry.speaker_card(name, models_dir)


def own_head(models_dir: Path, name: str, space: str, dimension: int) -> Head:
    """Writes a head that tells an age from embeddings of `space` among the user's own."""
    content = weights.pack([(np.ones((1, dimension)), np.full(1, 40.0))])
    card = HeadCard(
        name=name,
        kind="age",
        space=space,
        dimension=dimension,
        licence="none",
        training_data="none",
        accuracy="none",
        weights=f"{name}.npz",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    folder = heads.user_folder(models_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / card.weights).write_bytes(content)
    (folder / f"{name}.toml").write_text(card.text())
    return heads.load_head(folder / f"{name}.toml")
