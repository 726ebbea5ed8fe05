"""The seam of front ends."""

import sys
from pathlib import Path

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.families import Framing, families, load_families, open_family
from onnx_models.registry import SpeakerCard
from schemas.errors import ConfigurationError

SPEAKER_CARDS = [card for card in registry.load_cards().values() if isinstance(card, SpeakerCard)]


@pytest.mark.parametrize("card", SPEAKER_CARDS, ids=lambda card: str(card.name))
@pytest.mark.parametrize("seconds", [0.1, 1.0, 5.0])
def test_front_end_of_every_card(card: SpeakerCard, seconds: float) -> None:
    """The front end of every card turns any length of speech into at least one window of finite float32."""
    front_end = open_family(
        card.family, Framing(card.sample_rate, card.window_seconds, card.hop_seconds), card.family_options
    )()
    speech = np.random.default_rng(0).normal(0, 0.1, int(seconds * card.sample_rate)).astype(np.float32)
    windows = [*front_end.push(speech), *front_end.finish()]
    assert windows
    for window in windows:
        assert all(np.isfinite(values).all() for values in window)
        assert window[0].dtype == np.float32


def test_unknown_family_names_the_known() -> None:
    """A card that asks for a front end that is not there learns which are."""
    with pytest.raises(ConfigurationError, match=", ".join(families())):
        open_family("none", Framing(16_000, 1.6, 0.77), {})


def test_wrong_options_are_refused() -> None:
    """Options that the front end does not take are refused when the model is opened, not at its first recording."""
    with pytest.raises(ConfigurationError, match="bands"):
        open_family("ge2e-mel40", Framing(16_000, 1.6, 0.77), {"bands": 80})


def test_unknown_options_are_told_with_the_known() -> None:
    """Who gives an option that a front end does not have learns which it has, in no words of the code."""
    with pytest.raises(ConfigurationError, match=r"it takes minimum_seconds and unit_variance, not foo$"):
        open_family("waveform16k", Framing(16_000, 3.0, 1.5), {"foo": "bar", "unit_variance": True})


@pytest.mark.parametrize("family", families())
def test_options_of_every_family_are_known(family: str) -> None:
    """Every front end here says by its annotation what makes its windows, and so which options there are."""
    with pytest.raises(ConfigurationError, match=r"it takes .*, not foo$"):
        open_family(family, Framing(16_000, 1.6, 0.8), {"foo": 1})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("x = 1", "it has no `name`"),
        ("name = 'faulty'", "it has no `front_end"),
        ("name = 'faulty'\ndef front_end(rate): ...", "it has no `front_end"),
    ],
)
def test_faulty_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, fault: str) -> None:
    """A file of the folder that is not a front end stops the start with its name and what it lacks."""
    package = tmp_path / "made_families"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "faulty.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        with pytest.raises(ConfigurationError, match=f"faulty.py is not a family: {fault}"):
            load_families([str(package)], "made_families")
    finally:
        for name in [name for name in sys.modules if name.startswith("made_families")]:
            del sys.modules[name]
