"""Heads: how they are found and checked, and what they make of embeddings."""

import io
import os
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.heads import SHIPPED, Head, load_folder, load_head, load_heads
from onnx_models.heads.weights import MOST_BYTES, layers, pack
from onnx_models.scoring import centred, recovered, unit
from schemas.errors import ConfigurationError
from tests.unit.onnx_models.heads.made_heads import constant, write_head


@pytest.mark.parametrize("head", load_folder(SHIPPED), ids=lambda head: head.card.name)
def test_shipped_heads_fit_a_model(head: Head) -> None:
    """Every shipped head takes the embeddings of a model that has a card, and its file has a few kilobytes."""
    (card,) = {
        card.dimension: card
        for card in registry.cards().values()
        if isinstance(card, registry.SpeakerCard) and card.space == head.space
    }.values()
    assert card.dimension == head.card.dimension
    assert (SHIPPED / head.card.weights).stat().st_size < 16_384
    assert head.shipped


def test_the_default_model_has_a_gender_head() -> None:
    """Gender is told of the default model's embeddings without anything being installed."""
    spaces = {head.space for head in load_heads() if head.kind == "gender"}
    assert registry.speaker_card(registry.DEFAULT_MODEL).space in spaces


def test_affine_layers_with_relu_between(tmp_path: Path) -> None:
    """A head of two layers is the second's weights on what is positive of the first's."""
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(7, 256)), rng.normal(size=7)), (rng.normal(size=(1, 7)), rng.normal(size=1))
    head = load_head(write_head(tmp_path, [first, second]))
    raw = unit(rng.normal(size=(5, 256))).astype(np.float32)
    expected = np.maximum(raw @ first[0].T + first[1], 0) @ second[0].T + second[1]
    assert np.allclose(head.tell(raw), expected[:, 0], atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 3])
def test_an_embedding_is_told_the_same_among_others(tmp_path: Path, hidden: int) -> None:
    """What is told of an embedding is the same to the bit whatever it is told among."""
    rng = np.random.default_rng(1)
    sizes = [256, *([hidden] if hidden else []), 1]
    made = [(rng.normal(size=(o, i)), rng.normal(size=o)) for i, o in pairwise(sizes)]
    head = load_head(write_head(tmp_path, made))
    raw = unit(rng.normal(size=(300, 256))).astype(np.float32)
    together = head.tell(raw)
    assert [head.tell(raw[i : i + 1])[0] for i in range(300)] == together.tolist()
    assert np.array_equal(head.tell(raw[::-1])[::-1], together)


def test_the_mean_of_the_day_does_not_matter() -> None:
    """What the gender head tells of a voiceprint hardly depends on the mean that its vector was centred with."""
    (head,) = (head for head in load_heads() if head.card.name == "gender-ge2e")
    rng = np.random.default_rng(2)
    raw = unit(np.abs(rng.normal(size=(50, 256)))).astype(np.float32)
    means = (np.zeros(256, np.float32), registry.load_mean(registry.speaker_card("ge2e")))
    told = [head.tell(recovered(centred(raw, mean), mean)) for mean in means]
    assert np.allclose(told[0], told[1], atol=1e-3)


def test_the_users_own_come_first(tmp_path: Path) -> None:
    """A head in the models folder is found, before the shipped one that tells the same."""
    space = registry.speaker_card("ge2e").space
    write_head(tmp_path / "heads", constant(1.5), name="mine", kind="gender")
    found = [head.card.name for head in load_heads(tmp_path) if (head.kind, head.space) == ("gender", space)]
    assert found == ["mine", "gender-ge2e"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kind = 'age'", "card of a head"),
        ("kind = ", "card of a head"),
        ("kind = 'age'\nmood = 1", "card of a head: name: Field required; .*; mood: Extra inputs are not permitted$"),
        ("x = " + "[" * 30_000, "card of a head: it is nested too deeply"),
        ("x = 1\n" * 20_000, "more than 65,536 bytes"),
    ],
)
def test_a_file_that_is_no_card_is_named(tmp_path: Path, text: str, fault: str) -> None:
    """A file that is not a head's card is named with what is wrong."""
    (tmp_path / "faulty.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=rf"faulty\.toml.*{fault}"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"dimension": 192},
        {"sha256": "0" * 64},
    ],
    ids=["another dimension", "another hash"],
)
def test_weights_that_are_not_the_cards(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Weights of another size or with another hash than the card says are refused by the name of their file."""
    path = write_head(tmp_path, constant(1.0), **changes)
    with pytest.raises(ConfigurationError, match=r"made\.npz"):
        load_head(path)


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [("kind", '"age"', '"mood"'), ("weights", '"made.npz"', '"../made.npz"'), ("minimum_speech", "0.3", "0.1")],
)
def test_fields_of_a_card_are_bounded(tmp_path: Path, field: str, value: str, wrong: str) -> None:
    """A kind that is not known, weights in another folder and less than the least speech are refused."""
    path = write_head(tmp_path, constant(1.0))
    text = path.read_text()
    assert f"{field} = {value}\n" in text
    path.write_text(text.replace(f"{field} = {value}\n", f"{field} = {wrong}\n"))
    with pytest.raises(ConfigurationError, match="card of a head"):
        load_head(path)


def test_missing_weights(tmp_path: Path) -> None:
    """A card whose weights are not beside it is refused by their name."""
    path = write_head(tmp_path, constant(1.0))
    (tmp_path / "made.npz").unlink()
    with pytest.raises(ConfigurationError, match=r"made\.npz cannot be read"):
        load_head(path)


def test_two_that_tell_the_same(tmp_path: Path) -> None:
    """Two heads of one kind for one space in one folder are refused, and both are named."""
    for name in ("one", "two"):
        write_head(tmp_path, constant(1.0), name=name, weights=f"{name}.npz")
    with pytest.raises(ConfigurationError, match="one and two both tell age"):
        load_folder(tmp_path)


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(f"{name}.npy", content)
    return file.getvalue()


def array(values: Any, kind: Any = "<f4", order: Any = "C") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array(values, kind, order=order), version=(1, 0))
    return file.getvalue()


BIAS, WEIGHT = array([0.0]), array([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no .npz"),
        (b"PK\x03\x04" + bytes(100), "no .npz"),
        (pack([(np.ones((1, 2)), np.ones(1))])[:-40], "no .npz"),
        (archive(), "must hold"),
        (archive(weight_0=WEIGHT), "must hold"),
        (archive(weight_0=WEIGHT, bias_0=BIAS, more=BIAS), "must hold"),
        (archive(weight_1=WEIGHT, bias_1=BIAS), "must hold"),
        (archive(**{f"{p}_{n}": BIAS for n in range(9) for p in ("weight", "bias")}), "more than 8 layers"),
        (archive(weight_0=array([1.0, 2.0]), bias_0=BIAS), "outputs, inputs"),
        (archive(weight_0=WEIGHT, bias_0=array([0.0, 0.0])), "outputs, inputs"),
        (archive(weight_0=array([[1.0], [2.0]]), bias_0=array([0.0, 0.0])), "one output"),
        (archive(weight_0=WEIGHT, bias_0=BIAS, weight_1=WEIGHT, bias_1=BIAS), "weight_1 takes 2 values"),
        (archive(weight_0=array([[1.0, np.nan]]), bias_0=BIAS), "not finite"),
        (archive(weight_0=array([[1.0, np.inf]]), bias_0=BIAS), "not finite"),
        (archive(weight_0=array([[1.0, 1e7]]), bias_0=BIAS), "beyond"),
        (archive(weight_0=array([[1.0, 2.0]], "<f8"), bias_0=BIAS), "float32"),
        (archive(weight_0=array([[1.0, 2.0], [3.0, 4.0]], order="F"), bias_0=BIAS), "row after row"),
        (archive(weight_0=WEIGHT[:-1], bias_0=BIAS), "not those of its shape"),
        (archive(weight_0=WEIGHT.replace(b"(1, 2)", b"(9e9)"), bias_0=BIAS), "header"),
        (archive(weight_0=WEIGHT.replace(b"2), }" + b" " * 9, b"9999999999), }"), bias_0=BIAS), "its shape"),
        (archive(weight_0=b"\x93NUMPY\x03\x00" + bytes(8), bias_0=BIAS), "version 1.0"),
        (archive(weight_0=bytes(MOST_BYTES + 1), bias_0=BIAS), "unpacked"),
    ],
)
def test_hostile_weights(content: bytes, fault: str) -> None:
    """Whatever is brought instead of weights is refused with what is wrong, without being unpacked beyond the bound."""
    with pytest.raises(ValueError, match=fault):
        layers(content)


def test_objects_are_never_unpickled() -> None:
    """An array of Python objects is refused and not loaded."""
    file = io.BytesIO()
    np.savez(file, weight_0=np.array([{}], object), bias_0=np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="float32"):
        layers(file.getvalue())


@pytest.mark.parametrize("name", ["made.toml", "made.npz"])
def test_what_has_no_end_or_no_writer(tmp_path: Path, name: str) -> None:
    """A card or weights that are a device, a pipe or a folder are refused at once."""
    path = write_head(tmp_path, constant(1.0))
    (tmp_path / name).unlink()
    for make in (lambda at: at.symlink_to("/dev/zero"), os.mkfifo, Path.mkdir):
        make(tmp_path / name)
        with pytest.raises(ConfigurationError, match=f"{name}.*it is not a plain file"):
            load_head(path)
        (tmp_path / name).rmdir() if make is Path.mkdir else (tmp_path / name).unlink()


def test_large_files_are_not_read(tmp_path: Path) -> None:
    """A file of weights beyond the bound is refused."""
    path = write_head(tmp_path, constant(1.0))
    with (tmp_path / "made.npz").open("ab") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ConfigurationError, match="more than 16,777,216 bytes"):
        load_head(path)
