"""The models that a worker has open."""

import dataclasses
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from onnx_models import profiles, registry
from onnx_models.calibration import Calibration
from onnx_models.media import MediaLimits
from onnx_models.served import Served
from schemas.errors import (
    ConfigurationError,
    HeadMissing,
    MediaOutOfRange,
    ModelNotServed,
    ModelUncalibrated,
    ProfileDamaged,
    ProfileUnknown,
)

TELEPHONE = Calibration(slope=8.0, offset=-3.0, fitted="2026-11-21")


@pytest.fixture(scope="module")
def installed(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the default models and a profile `telephone` of the default's space."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("ge2e", "silero-vad"):
        path = registry.card(name).path(models_dir)
        (folder / path.name).symlink_to(path)
    own = profiles.card_profile(registry.speaker_card("ge2e"))
    profiles.save_profile(
        dataclasses.replace(own, name="telephone", calibration=TELEPHONE, created=date(2026, 11, 21).isoformat()),
        folder,
    )
    return folder


@pytest.fixture(scope="module")
def served(installed: Path) -> Served:
    return Served.open(["ge2e", "mfcc-stats"], models_dir=installed, device="cpu")


def test_models_by_name(served: Served) -> None:
    """The first model is for requests that name none; one that is not open is refused, and the open are named."""
    assert served.extractor().card.name == "ge2e"
    assert served.extractor("mfcc-stats").card.name == "mfcc-stats"
    with pytest.raises(ModelNotServed, match="'nemo-titanet-small' is not served here; served are ge2e, mfcc-stats"):
        served.extractor("nemo-titanet-small")


def test_scores_by_space(served: Served) -> None:
    """A space is scored with its own model's calibration; one without a calibration, and one unknown, are refused."""
    space = served.extractor().card.space
    assert served.scorer(space).profile.name == "default"
    assert served.scorer(space) is served.scorer(space)
    with pytest.raises(ModelUncalibrated, match="voiceprint calibrate DIR --model mfcc-stats"):
        served.scorer(served.extractor("mfcc-stats").card.space)
    with pytest.raises(ModelNotServed, match="'elsewhere'"):
        served.scorer("elsewhere")


def test_profile_by_request(served: Served) -> None:
    """A request's profile is taken, and an unknown one refused with those there are."""
    space = served.extractor().card.space
    assert served.scorer(space, "telephone").profile.calibration == TELEPHONE
    with pytest.raises(ProfileUnknown, match="'studio' for ge2e; there are: default, telephone"):
        served.scorer(space, "studio")


def test_a_profile_fitted_anew_is_taken(served: Served, installed: Path) -> None:
    """A profile that is written while the models are open is known at once, and so is one that is written over."""
    space = served.extractor().card.space
    own = profiles.card_profile(served.extractor().card)
    for slope in (5.0, 6.0):
        fitted = Calibration(slope=slope, offset=-1.0, fitted="2026-11-21")
        profiles.save_profile(
            dataclasses.replace(own, name="anew", calibration=fitted, created="2026-11-21"), installed
        )
        assert served.scorer(space, "anew").profile.calibration == fitted
    assert "anew" in served.report()[0]["profiles"]
    profiles.remove_profile("anew", space, installed)
    with pytest.raises(ProfileUnknown):
        served.scorer(space, "anew")


def test_damaged_profiles(served: Served, installed: Path) -> None:
    """A profile that cannot be read is refused by its name, without a path; one that was mended is taken."""
    space = served.extractor().card.space
    path = profiles.profile_path("broken", space, installed)
    good = path.with_stem("telephone").read_bytes().replace(b'"telephone"', b'"broken"')
    for content in (b"{", b"[" * 100_000, b"3"):
        path.write_bytes(content)
        with pytest.raises(ProfileDamaged, match="the audio source profile 'broken' for ge2e is damaged") as caught:
            served.scorer(space, "broken")
        assert str(installed) not in caught.value.message
    path.write_bytes(good)
    assert served.scorer(space, "broken").profile.calibration == TELEPHONE
    path.unlink()


def test_profile_by_setting(installed: Path) -> None:
    """The profile of the settings holds for requests that name none, and must be there at start."""
    served = Served.open(["ge2e"], models_dir=installed, device="cpu", profile="telephone")
    space = served.extractor().card.space
    assert served.scorer(space).profile.name == "telephone"
    assert served.scorer(space, "default").profile.name == "default"
    with pytest.raises(ConfigurationError, match="'studio'"):
        Served.open(["ge2e"], models_dir=installed, device="cpu", profile="studio")


def test_heads_by_space(served: Served) -> None:
    """The heads of the open models' spaces are known by kind; one that is not there is refused by kind and space."""
    assert served.heads() == ("gender",)
    space = served.extractor().card.space
    assert served.head("gender", space).kind == "gender"
    with pytest.raises(HeadMissing, match=f"tells age is installed for the embedding space '{space}'"):
        served.head("age", space)


def test_voice_activity_needs_no_speaker_model(installed: Path, recordings: Path) -> None:
    """The detector for whole recordings is open beside the models, with the same limits."""
    served = Served.open(["mfcc-stats"], models_dir=installed, device="cpu", limits=MediaLimits(max_audio_length=5.5))
    assert served.voice_activity.detect(recordings / "demo.flac")[0].segments
    for listener in (served.voice_activity.detect, served.extractor().extract):
        with pytest.raises(MediaOutOfRange, match=r"at most 5\.5 s"):
            listener(recordings / "call.flac")


def test_report(served: Served) -> None:
    """What is told of a model is what its card says, where it runs, how fast, and how cosines become ratios."""
    ge2e, mfcc = served.report()
    card = registry.speaker_card("ge2e")
    assert {ge2e[name] for name in ("name", "family", "licence", "space")} == {
        card.name,
        card.family,
        card.licence,
        card.space,
    }
    assert (ge2e["dimension"], ge2e["device"], ge2e["metric"], ge2e["unit_length"]) == (256, "cpu", "cosine", True)
    assert ge2e["times_real_time"] > 1
    assert ge2e["profiles"] == ["telephone"]
    assert ge2e["heads"] == ["gender"]
    assert mfcc["calibration"] is None
    calibration = profiles.card_profile(card).calibration
    assert calibration is not None
    # The coefficients are those of vectors as they are stored.
    vectors = np.eye(256, dtype=np.float32)[:2]
    scores = served.scorer(card.space).llr(vectors, None, vectors, None)
    expected = ge2e["calibration"]["slope"] * (vectors @ vectors.T) + ge2e["calibration"]["offset"]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
