"""Bundles of models: made here, installed there, and refused when they are not what they should be."""

import dataclasses
import hashlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from onnx_models import profiles, registry
from onnx_models.calibration import Calibration
from onnx_models.extractor import Extractor
from onnx_models.install import bundle, unbundle
from onnx_models.registry import SpeakerCard
from schemas.errors import ConfigurationError
from tests.conftest import RECORDINGS
from tests.unit.onnx_models import small_graphs
from tests.unit.onnx_models.own_cards import own_card, own_head

NETWORK = small_graphs.wespeaker(32).SerializeToString()
CALIBRATION = Calibration(slope=8.0, offset=-3.0, fitted="2026-11-21")
# The whole of `voiceprint-v1`'s smallest model: what tampering is tried on.
SILERO = "silero-vad"


@pytest.fixture
def origin(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the voice activity detector, a user's own model `mine`, and a profile and a head for it."""
    folder = tmp_path / "origin"
    folder.mkdir()
    shutil.copy(registry.card(SILERO).path(models_dir), folder)
    own_mine(folder)
    own_head(folder, "age", "mine-1", 32)
    return folder


def own_mine(folder: Path, content: bytes = NETWORK, **fields: str | float) -> SpeakerCard:
    """The user's own model `mine` with its mean and calibration, installed in `folder`."""
    cards = registry.own_cards_dir(folder)
    cards.mkdir(parents=True, exist_ok=True)
    np.save(cards / "mine-mean.npy", np.full(32, 0.1, np.float32))
    (cards / "mine-calibration.json").write_text(json.dumps(CALIBRATION.record()))
    given = {"dimension": 32, "mean": "mine-mean.npy", "calibration": "mine-calibration.json", **fields}
    card = own_card(folder, "wespeaker", content, name="mine", **given)
    card.path(folder).write_bytes(content)
    own = profiles.card_profile(card)
    created = date(2026, 11, 21).isoformat()
    profiles.save_profile(dataclasses.replace(own, name="telephone", created=created), folder)
    return card


@pytest.fixture
def target(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the voice activity detector only."""
    folder = tmp_path / "target"
    folder.mkdir()
    shutil.copy(registry.card(SILERO).path(models_dir), folder)
    return folder


def install(path: Path, models_dir: Path, *names: str) -> list[Path]:
    with unbundle.opened(path, models_dir) as found:
        return found.install(names)


def content_of(folder: Path) -> dict[str, bytes]:
    """Every file under `folder`, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def archive(
    path: Path, files: Mapping[str, bytes], models: list[str], changes: Mapping[str, object] | None = None
) -> Path:
    """A bundle with `files`, whose manifest says the truth but for `changes`."""
    entries = [
        {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]
    manifest = {"format": 1, "models": models, "files": entries, **(changes or {})}
    return tar(path, {"manifest.json": json.dumps(manifest).encode(), **files})


def tar(path: Path, files: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as written:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                written.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            written.addfile(member, io.BytesIO(content))
    return path


def refused(path: Path, target: Path) -> str:
    """The message with which the bundle is refused, after which the models folder is as it was."""
    before = content_of(target)
    with pytest.raises(ConfigurationError) as refusal:
        install(path, target)
    assert content_of(target) == before
    assert not list(target.glob(".*"))
    return refusal.value.message


def test_what_is_bundled_arrives(origin: Path, target: Path, tmp_path: Path) -> None:
    """All that belongs to the models is the same there as here, and makes the same voiceprints."""
    bundle.make(tmp_path / "models.tar", origin, ["mine", SILERO])
    installed = install(tmp_path / "models.tar", target)
    assert [path.name for path in installed] == ["mine.onnx", registry.card(SILERO).file]
    assert content_of(target) == content_of(origin)
    assert {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()} == {0o644}
    here, there = (
        Extractor.open("mine", models_dir=folder, device="cpu").extract(RECORDINGS / "demo.flac", created_ms=1)[0]
        for folder in (origin, target)
    )
    assert here.vector.tobytes() == there.vector.tobytes()


def test_the_same_models_are_the_same_bytes(origin: Path, tmp_path: Path) -> None:
    """A bundle tells nothing of who made it, or when, and other programs read it as a tar."""
    for name in ("first.tar", "second.tar"):
        bundle.make(tmp_path / name, origin, ["mine", SILERO])
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()
    with tarfile.open(tmp_path / "first.tar") as opened:
        assert opened.getnames() == [
            "manifest.json",
            "cards/mine.toml",
            "cards/mine-mean.npy",
            "cards/mine-calibration.json",
            "profiles/mine-1/telephone.json",
            "heads/age.toml",
            "heads/age.npz",
            "networks/mine.onnx",
            f"networks/{registry.card(SILERO).file}",
        ]


def test_one_model_of_several(origin: Path, target: Path, tmp_path: Path) -> None:
    """Only what belongs to the named model is installed; a name that the bundle does not hold is refused."""
    bundle.make(tmp_path / "models.tar", origin, ["mine", SILERO])
    registry.card(SILERO).path(target).unlink()
    install(tmp_path / "models.tar", target, SILERO)
    assert [path.name for path in target.iterdir()] == [registry.card(SILERO).file]
    with pytest.raises(ConfigurationError, match="does not hold other; it holds mine, silero-vad"):
        install(tmp_path / "models.tar", target, "other")


@pytest.mark.long
def test_installing_twice_changes_nothing(origin: Path, target: Path, tmp_path: Path) -> None:
    """What is there already and equal is no obstacle."""
    bundle.make(tmp_path / "models.tar", origin, ["mine"])
    install(tmp_path / "models.tar", target)
    before = content_of(target)
    install(tmp_path / "models.tar", target)
    assert content_of(target) == before


def test_a_model_without_a_network(target: Path, tmp_path: Path) -> None:
    """A model that has no file is named in the bundle and needs nothing more."""
    bundle.make(tmp_path / "models.tar", target, ["mfcc-stats"])
    assert install(tmp_path / "models.tar", target) == []


def test_what_is_not_installed_is_not_bundled(origin: Path, tmp_path: Path) -> None:
    """A model that is missing or damaged is refused, and no archive is written."""
    with pytest.raises(ConfigurationError, match="is not installed"):
        bundle.make(tmp_path / "models.tar", origin, ["mine", "redimnet2-b3-lm"])
    (origin / "mine.onnx").write_bytes(NETWORK[:-1] + b"x")
    with pytest.raises(ConfigurationError, match="is damaged"):
        bundle.make(tmp_path / "models.tar", origin, ["mine"])
    assert not (tmp_path / "models.tar").exists()


@pytest.mark.parametrize(("out", "fault"), [("", "is a folder"), ("file/models.tar", "cannot be written to")])
def test_an_impossible_place_is_named(origin: Path, tmp_path: Path, out: str, fault: str) -> None:
    """A bundle that cannot be written where it should is refused with the place."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=fault):
        bundle.make(tmp_path / out, origin, [SILERO])


# --- hostile bundles -----------------------------------------------------------------------------------------------


@pytest.fixture
def silero(target: Path) -> bytes:
    return registry.card(SILERO).path(target).read_bytes()


@pytest.mark.parametrize("content", [b"", b"GGUF" * 1000, bytes(10_000), b"\x1f\x8b" + bytes(600)])
def test_what_is_no_bundle(target: Path, tmp_path: Path, content: bytes) -> None:
    """Anything but a tar that begins with a manifest is told to be no bundle."""
    (tmp_path / "models.tar").write_bytes(content)
    assert "not a bundle of models" in refused(tmp_path / "models.tar", target)


def test_a_bundle_that_is_not_a_file(target: Path, tmp_path: Path) -> None:
    """A folder and a path that is not there are refused."""
    for path in (tmp_path, tmp_path / "missing"):
        assert "is not a file" in refused(path, target)


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b" " * ((1 << 20) + 1)])
def test_a_manifest_that_is_none(target: Path, tmp_path: Path, content: bytes) -> None:
    """A manifest that is no JSON, too deep or too large is refused."""
    assert "manifest" in refused(tar(tmp_path / "models.tar", {"manifest.json": content}), target)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"models": []},
        {"models": ["../silero-vad"]},
        {"models": [SILERO] * 101},
        {"more": 1},
        {"files": [{"path": "networks/silero.onnx", "bytes": -1, "sha256": "0" * 64}]},
        {"files": [{"path": "networks/silero.onnx", "bytes": 1 << 60, "sha256": "0" * 64}]},
        {"files": [{"path": "networks/silero.onnx", "bytes": 1, "sha256": "none"}]},
    ],
)
def test_a_manifest_out_of_its_bounds(target: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    """A manifest with impossible names, sizes or hashes is refused before a file is looked at."""
    assert "manifest is not one" in refused(archive(tmp_path / "models.tar", {}, [SILERO], changes), target)


@pytest.mark.parametrize(
    "path",
    [
        "../outside.onnx",
        "/etc/cron.d/outside",
        "networks/../../outside.onnx",
        "networks/.hidden.onnx",
        "networks/redis-server-6.2.14",
        "networks/deep/er.onnx",
        "cards/../outside.toml",
        "profiles/../telephone.json",
        "profiles/space/../../telephone.json",
        "heads/..",
        "cards/",
        "elsewhere/file.onnx",
        "networks/with\nline.onnx",
    ],
)
def test_paths_that_lead_elsewhere(target: Path, tmp_path: Path, path: str) -> None:
    """A file that does not belong into one of the bundle's folders by a plain name is refused."""
    assert "manifest is not one" in refused(archive(tmp_path / "models.tar", {path: b"x"}, [SILERO]), target)
    assert not (tmp_path / "outside.onnx").exists()


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.CONTTYPE),
        *(tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.AREGTYPE),
    ],
)
def test_only_plain_files_are_taken(target: Path, tmp_path: Path, kind: bytes, silero: bytes) -> None:
    """Links, folders, devices, holes and the extended headers of tar are refused in place of a file."""
    name = f"networks/{registry.card(SILERO).file}"
    path = archive(tmp_path / "models.tar", {name: silero}, [SILERO])
    content = bytearray(path.read_bytes())
    place = content.index(name.encode(), 1024)
    header = tarfile.TarInfo.frombuf(bytes(content[place : place + 512]), "utf-8", "strict")
    header.type, header.linkname = kind, "/etc/passwd"
    content[place : place + 512] = header.tobuf(tarfile.USTAR_FORMAT)[:512]
    path.write_bytes(content)
    assert "not a plain file" in refused(path, target)


def test_a_file_that_is_not_where_it_should_be(target: Path, tmp_path: Path, silero: bytes) -> None:
    """Files in another order, missing, twice, unlisted or of another size are refused."""
    name, path = f"networks/{registry.card(SILERO).file}", tmp_path / "models.tar"
    entry = {"path": name, "bytes": len(silero), "sha256": hashlib.sha256(silero).hexdigest()}

    def manifest(*entries: object) -> bytes:
        return json.dumps({"format": 1, "models": [SILERO], "files": entries}).encode()

    assert "where its manifest says" in refused(tar(path, {"manifest.json": manifest(entry)}), target)
    assert "more than its manifest says" in refused(tar(path, {"manifest.json": manifest(), name: silero}), target)
    shorter = entry | {"bytes": len(silero) - 1}
    assert "where its manifest says" in refused(tar(path, {"manifest.json": manifest(shorter), name: silero}), target)
    assert "not begin with a manifest" in refused(tar(path, {name: silero, "manifest.json": manifest(entry)}), target)
    assert "does not hold the file of silero-vad" in refused(tar(path, {"manifest.json": manifest()}), target)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as written:
        for member, content in (("manifest.json", manifest(entry, entry)), (name, silero), (name, silero)):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            written.addfile(info, io.BytesIO(content))
    assert "two files of one name" in refused(path, target)


def test_every_flipped_bit_is_found(origin: Path, target: Path, tmp_path: Path) -> None:
    """A bundle with one damaged byte is refused, or is none the worse for it."""
    path = tmp_path / "models.tar"
    bundle.make(path, origin, [SILERO])
    whole, before = path.read_bytes(), content_of(target)
    places = [*np.random.default_rng(5).integers(0, 2048, 60).tolist(), 5000, 600_000, 1_200_000]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with suppress(ConfigurationError):
            install(path, target)
        assert content_of(target) == before


def test_every_truncation_is_found(origin: Path, target: Path, tmp_path: Path) -> None:
    """A bundle that ends early is refused wherever it ends."""
    path = tmp_path / "models.tar"
    bundle.make(path, origin, [SILERO])
    whole = path.read_bytes()
    registry.card(SILERO).path(target).unlink()
    needed = 512 + 512 + 512 + registry.card(SILERO).bytes
    for length in [*range(0, 2048, 100), 5000, 600_000, needed - 1]:
        path.write_bytes(whole[:length])
        refused(path, target)


def test_another_network_under_a_known_name(target: Path, tmp_path: Path) -> None:
    """The hash of this package's card decides, whatever the manifest vouches for."""
    path = archive(tmp_path / "models.tar", {f"networks/{registry.card(SILERO).file}": NETWORK}, [SILERO])
    assert "is not the model of this card" in refused(path, target)


def test_a_model_that_nobody_knows(target: Path, tmp_path: Path) -> None:
    """A name without a card is refused, and so is a network that belongs to no model."""
    path = archive(tmp_path / "models.tar", {"networks/new.onnx": NETWORK}, ["new"])
    assert "not known here" in refused(path, target)
    path = archive(tmp_path / "models.tar", {"networks/new.onnx": NETWORK}, ["mfcc-stats"])
    assert "new.onnx, which belongs to none of its models" in refused(path, target)


@pytest.fixture
def tampered(origin: Path, tmp_path: Path) -> Callable[..., Path]:
    """The bundle of `mine` with other contents for some of its files; None takes one away."""

    def make(changes: Mapping[str, bytes | None], models: tuple[str, ...] = ("mine",)) -> Path:
        bundle.make(tmp_path / "models.tar", origin, ["mine"])
        with tarfile.open(tmp_path / "models.tar") as opened:
            files = {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]
        del files["manifest.json"]
        changed = {name: content for name, content in (files | changes).items() if content is not None}
        return archive(tmp_path / "models.tar", changed, list(models))

    return make


def card_text(origin: Path, found: str, replacement: str) -> bytes:
    text = (origin / "cards" / "mine.toml").read_text()
    assert found in text
    return text.replace(found, replacement).encode()


@pytest.mark.parametrize(
    "change",
    [
        ('name = "mine"', 'name = "ge2e"', "brings a card of its own for ge2e"),
        ("dimension = 32", "dimension = 64", "mean vector of 64"),
        ('file = "mine.onnx"', 'file = "ge2e.onnx"', "does not hold the file of mine"),
        ('mean = "mine-mean.npy"', 'mean = "../origin/cards/mine-mean.npy"', "is not a model card"),
        ('mean = "mine-mean.npy"', "", "which belongs to none"),
        ('kind = "speaker"', 'kind = "voice-activity"', "is not a model card"),
        ('family = "kaldi-fbank80-hamming"', 'family = "none"', "none"),
        ('licence = "none"', 'licence = "\\u001b[8mhidden"', "characters that a terminal would obey"),
        ("summary = ", "summary = [[[[", "is not a model card"),
        ("summary = ", f"surprise = {'[' * 5000}\nsummary = ", "card"),
    ],
)
def test_a_card_of_a_stranger(
    tampered: Callable[..., Path], origin: Path, target: Path, change: tuple[str, str, str]
) -> None:
    """A card that takes a known name, names files elsewhere or does not fit its network is refused."""
    found, replacement, fault = change
    changed = card_text(origin, found, replacement)
    models = ("ge2e",) if "ge2e" in replacement and "name" in found else ("mine",)
    assert fault in refused(tampered({"cards/mine.toml": changed}, models), target)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("networks/mine.onnx", b"no network at all" * 10),
        (
            "cards/mine-mean.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n",
        ),
        ("cards/mine-mean.npy", b"PK\x03\x04" + bytes(100)),
        ("cards/mine-mean.npy", b"cos\nsystem\n(S'touch /tmp/never'\ntR."),
        ("cards/mine-calibration.json", b"[" * 100_000),
        ("cards/mine-calibration.json", b'{"slope": NaN}'),
        ("profiles/mine-1/telephone.json", b'{"format": 1}'),
        ("profiles/mine-1/telephone.json", b"[" * 100_000),
        ("cards/mine.toml", None),
        ("heads/age.npz", b"PK"),
        ("heads/age.npz", None),
        ("heads/age.toml", b"name = 1"),
        ("heads/other.toml", b"belongs to nobody"),
        ("cards/more.npy", b"belongs to nobody"),
        ("profiles/other-1/telephone.json", b"{}"),
    ],
)
def test_files_of_a_stranger(tampered: Callable[..., Path], target: Path, name: str, content: bytes | None) -> None:
    """Means, calibrations, profiles and networks that are none, or belong to no model, are refused."""
    assert refused(tampered({name: content}), target)


def test_a_network_that_does_harm(origin: Path, target: Path, tmp_path: Path) -> None:
    """A stranger's network is proved like one that is brought: one that reads other files is refused."""
    hostile = small_graphs.wespeaker(32)
    tensor = hostile.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    tensor.external_data.add(key="location", value="/etc/passwd")
    own_mine(origin, hostile.SerializeToString())
    bundle.make(tmp_path / "models.tar", origin, ["mine"])
    assert "lie in another file" in refused(tmp_path / "models.tar", target)


@pytest.mark.long
def test_nothing_is_overwritten(origin: Path, target: Path, tmp_path: Path) -> None:
    """A model, mean or profile of the same name and other content stays, and is named."""
    bundle.make(tmp_path / "models.tar", origin, ["mine"])
    install(tmp_path / "models.tar", target)
    for name in ("cards/mine.toml", "cards/mine-mean.npy", "profiles/mine-1/telephone.json"):
        path = target / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n")
        assert f"{path} is there already and differs" in refused(tmp_path / "models.tar", target)
        path.write_bytes(kept)


def test_no_second_head_for_the_same(origin: Path, target: Path, tmp_path: Path) -> None:
    """A head that tells what another one tells already is refused: workers could not choose."""
    bundle.make(tmp_path / "models.tar", origin, ["mine"])
    own_head(target, "years", "mine-1", 32)
    assert "years and age both tell age" in refused(tmp_path / "models.tar", target)


def test_a_file_of_another_model_stays(origin: Path, target: Path, tmp_path: Path) -> None:
    """A bundle's model may not take the file of one that is here under another name."""
    bundle.make(tmp_path / "models.tar", origin, ["mine"])
    own_card(target, "wespeaker", NETWORK, name="theirs", file="mine.onnx")
    assert "would overwrite mine.onnx of theirs" in refused(tmp_path / "models.tar", target)


def test_an_unused_bundle_leaves_nothing(origin: Path, target: Path, tmp_path: Path) -> None:
    """What was unpacked is gone when it is not installed, as when a licence is not accepted."""
    bundle.make(tmp_path / "models.tar", origin, ["mine"])
    before = content_of(target)
    with unbundle.opened(tmp_path / "models.tar", target) as found:
        assert [card.name for card in found.cards] == ["mine"]
    assert content_of(target) == before
    assert not list(target.glob(".*"))


def test_what_a_killed_installation_left_goes(origin: Path, target: Path, tmp_path: Path) -> None:
    """Unpacked files of a process that was killed are cleared a day later, those of a running one are not."""
    bundle.make(tmp_path / "models.tar", origin, [SILERO])
    for name, hours in ((".bundle-killed", 25), (".bundle-running", 1)):
        (target / name).mkdir()
        (target / name / "mine.onnx").write_bytes(NETWORK)
        then = time.time() - hours * 3600
        os.utime(target / name, (then, then))
    install(tmp_path / "models.tar", target)
    assert [path.name for path in target.glob(".*")] == [".bundle-running"]
