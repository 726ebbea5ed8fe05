"""Audio source profiles on disk."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.calibration import Calibration
from onnx_models.profiles import (
    Profile,
    card_profile,
    encoded,
    find_profile,
    load_profile,
    profiles,
    remove_profile,
    save_profile,
)
from schemas.errors import ConfigurationError

GENERATOR = np.random.default_rng(1)
PROFILE = Profile(
    name="telephone",
    space="space-1",
    mean=GENERATOR.normal(size=4).astype(np.float32),
    calibration=Calibration(slope=10.0, offset=-3.0, fitted="2026-01-02"),
    created="2026-01-03",
    cohort=GENERATOR.normal(size=(3, 4)).astype(np.float32),
)


def test_a_profile_comes_back(tmp_path: Path) -> None:
    """What was saved is loaded bit for bit, with a cohort and without."""
    for saved in (PROFILE, replace(PROFILE, cohort=None), replace(PROFILE, calibration=None)):
        save_profile(saved, tmp_path)
        loaded = load_profile("telephone", "space-1", tmp_path)
        assert encoded(loaded) == encoded(saved)
        assert loaded.mean.dtype == np.float32
        np.testing.assert_array_equal(loaded.mean, saved.mean)


def test_profiles_are_listed_by_space(tmp_path: Path) -> None:
    """A space lists its own profiles, sorted, and none before one was saved."""
    assert profiles(tmp_path, "space-1") == []
    for name, space in (("radio", "space-1"), ("calls", "space-1"), ("other", "space-2")):
        save_profile(replace(PROFILE, name=name, space=space), tmp_path)
    assert profiles(tmp_path, "space-1") == ["calls", "radio"]
    remove_profile("radio", "space-1", tmp_path)
    assert profiles(tmp_path, "space-1") == ["calls"]


def test_unknown_profiles_are_named_with_those_there_are(tmp_path: Path) -> None:
    """The error says which profiles there are and how to make one."""
    save_profile(PROFILE, tmp_path)
    with pytest.raises(ConfigurationError, match=r"default, telephone.*voiceprint calibrate"):
        load_profile("radio", "space-1", tmp_path)


@pytest.mark.parametrize("name", ["default", "", "../out", "A", "a/b", ".hidden", "x" * 65])
def test_names_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    """A name is a plain word, and `default` is taken."""
    with pytest.raises(ConfigurationError, match="cannot name a profile"):
        save_profile(replace(PROFILE, name=name), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"mean": "****"},
        {"mean": "AAAAAAAAAAAAAAAA"},
        {"mean": "AADAfwAAwH8AAMB/AADAfw=="},
        {"mean": None},
        {"dimension": 0},
        {"cohort": "AAAA"},
        {"calibration": {"slope": 1}},
        {"created": "never"},
        {"name": "radio"},
        {"name": ["radio"]},
        {"mean": 3},
        {"dimension": float("inf")},
        {"calibration": PROFILE.calibration.record() | {"slope": 10**400}},  # type: ignore[union-attr]
    ],
)
def test_damaged_profiles_are_named(tmp_path: Path, change: dict[str, object]) -> None:
    """A file that holds anything else is refused by its path."""
    path = save_profile(PROFILE, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(ConfigurationError, match=str(path)):
        load_profile("telephone", "space-1", tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_files_that_are_no_profiles_are_named(tmp_path: Path, content: bytes) -> None:
    """So is a file that is no profile at all."""
    path = save_profile(PROFILE, tmp_path)
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=str(path)):
        load_profile("telephone", "space-1", tmp_path)


def test_only_plain_files_are_profiles(tmp_path: Path) -> None:
    """Folders, pipes, devices and names that are no profile's are not listed; asked for by name they say what they are,
    and all but a folder can be removed unread."""
    folder = save_profile(PROFILE, tmp_path).parent
    (folder / "broken.json").write_text("{")
    (folder / "default.json").write_text("{")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "zero.json").symlink_to("/dev/zero")
    (folder / "nowhere.json").symlink_to(tmp_path / "nowhere")
    assert profiles(tmp_path, "space-1") == ["broken", "telephone"]
    for name in ("folder", "pipe", "zero"):
        with pytest.raises(ConfigurationError, match=f"{name}.json is not a profile: it is not a plain file"):
            load_profile(name, "space-1", tmp_path)
    for name in ("broken", "pipe", "zero", "nowhere"):
        remove_profile(name, "space-1", tmp_path)
    with pytest.raises(ConfigurationError, match=r"folder\.json could not be removed: Is a directory"):
        remove_profile("folder", "space-1", tmp_path)
    with pytest.raises(ConfigurationError, match="there is no profile 'broken'"):
        remove_profile("broken", "space-1", tmp_path)
    assert profiles(tmp_path, "space-1") == ["telephone"]


def test_a_profile_of_another_dimension(tmp_path: Path) -> None:
    """A profile whose mean does not fit the model is refused with both dimensions."""
    card = registry.speaker_card(registry.DEFAULT_MODEL)
    save_profile(replace(PROFILE, space=card.space), tmp_path)
    with pytest.raises(ConfigurationError, match="a mean of 4 values, and ge2e makes 256"):
        find_profile("telephone", card, tmp_path)


def test_the_default_model_ships_calibrated(tmp_path: Path) -> None:
    """The profile `default` of the default model has its card's mean and a calibration that was fitted on some day."""
    card = registry.speaker_card(registry.DEFAULT_MODEL)
    shipped = find_profile("default", card, tmp_path)
    assert shipped.space == card.space
    np.testing.assert_array_equal(shipped.mean, registry.load_mean(card))
    assert shipped.calibration is not None
    assert shipped.calibration.fitted == shipped.created


def test_a_damaged_calibration_of_a_card_is_named(tmp_path: Path) -> None:
    """A card's calibration file that holds something else is refused by its path."""
    card = registry.speaker_card(registry.DEFAULT_MODEL)
    (tmp_path / "wrong.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"wrong\.json is not a calibration"):
        card_profile(card.model_copy(update={"folder": tmp_path, "mean": None, "calibration": "wrong.json"}))
