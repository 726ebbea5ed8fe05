"""The core: a batch of voiceprints in, a batch of as many rows out, each with a vector or a reason."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.errors import VoiceprintMalformed
from schemas.keyring import KeyRing
from schemas.signatures import Signatures
from schemas.voiceprint import encode, to_base64
from tasks.bulk.conversion import Conversion, Form, first
from tests.unit.schemas.sample_voiceprints import silent, voiceprint

RING = KeyRing({1: b"1" * 32})
OURS = Signatures.of(RING, "refuse")
MADE = np.random.default_rng(0).normal(size=(4, 256)).astype(np.float32)


def converted(column: Any, form: Form, **options: Any) -> Any:
    return Conversion(form, **options)(pa.record_batch({"id": range(len(column)), "voiceprint": column}))


def kinds(batch: Any) -> list[str | None]:
    found: list[str | None] = batch.column("fault_type").to_pylist()
    return found


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()])
def test_every_kind_of_column(kind: Any) -> None:
    """Of text and of bytes, sliced or not, in Base64; other columns pass through."""
    texts = [to_base64(encode(voiceprint(vector=vector))) for vector in MADE]
    column = pa.array(["x", *texts, "y"]).cast(kind)[1:5]
    made = converted(column, Form(256))
    assert made.column("id").to_pylist() == [0, 1, 2, 3]
    assert kinds(made) == [None] * 4
    assert made.column("vector").flatten().to_numpy().tobytes() == MADE.tobytes()
    assert made.column("model").to_pylist() == ["golden-model"] * 4


def test_mixed_models_in_any_order() -> None:
    """Each row has its own model and space; those that are not asked for are refused."""
    models = ["a", "b", "a", "c", "b", "a"]
    column = [encode(voiceprint(model=model, space=f"{model}-1", vector=MADE[0] + n)) for n, model in enumerate(models)]
    made = converted(column, Form(256))
    assert made.column("model").to_pylist() == models
    assert made.column("space").to_pylist() == [f"{model}-1" for model in models]
    expected = np.stack([MADE[0] + np.float32(n) for n in range(6)])
    assert made.column("vector").flatten().to_numpy().tobytes() == expected.tobytes()
    assert kinds(converted(column, Form(256, model="b"))).count(None) == 2


def test_signatures_are_checked() -> None:
    """With a ring, what is unsigned, forged or signed with a key that is not there has no vector."""
    stranger = Signatures.of(KeyRing({1: b"2" * 32}), "refuse")
    other = Signatures.of(KeyRing({9: b"9" * 32}), "refuse")
    column = [encode(voiceprint())] + [one.encode(voiceprint()) for one in (OURS, stranger, other, OURS)]
    made = converted(column, Form(256), signatures=OURS)
    expected = ["voiceprint.not-signed", None, "voiceprint.damaged", "voiceprint.key-unknown", None]
    assert kinds(made) == expected


def test_what_has_no_vector_of_the_form() -> None:
    """Of another length, without speech, null, not finite, or of a model that nobody has named."""
    column = [encode(voiceprint(vector=MADE[0][:8])), encode(silent()), None, b"[1, 2]", encode(voiceprint())]
    made = converted(column, Form(256))
    expected = ["space-mismatch", "no-speech", "wrong-magic", "model-unknown", None]
    assert kinds(made) == [one and f"voiceprint.{one}" for one in expected]
    lists = pa.record_batch({"vector": pa.array([[1.0, 2.0], [np.inf, 1.0], [1.0], None, [0.0, 0.0]])})
    expected = [None, "not-finite", "space-mismatch", "malformed", "no-speech"]
    assert kinds(Conversion(Form(2, model="m"))(lists)) == [one and f"voiceprint.{one}" for one in expected]


def test_what_16_bits_cannot_hold_is_refused() -> None:
    """A number that would become infinite is a reject, never a vector with infinity in it."""
    lists = pa.record_batch({"vector": pa.array([[1.0, 2.0], [70000.0, 1.0]], pa.list_(pa.float32()))})
    made = Conversion(Form(2, model="m", dtype="float16"))(lists)
    assert kinds(made) == [None, "voiceprint.not-finite"]


@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows(rows: int) -> None:
    """An empty batch, and one of nothing but rejects, have all columns."""
    made = converted(pa.array(["nothing"][:rows], pa.string()), Form(256))
    assert made.schema.names == ["id", "model", "space", "vector", "fault_type", "fault"]
    assert len(made) == rows


def test_a_form_that_cannot_be() -> None:
    """More values than a vector has, and a name that no container could hold, are refused."""
    with pytest.raises(VoiceprintMalformed):
        Form(256, to_dimension=257)
    with pytest.raises(VoiceprintMalformed):
        Form(256, model="m" * 65)


def test_the_first_good_one_tells() -> None:
    """Dimension and model of an output are those of the first row that has a vector."""
    column = ["nothing", to_base64(encode(silent())), "[1, 2, 3]", to_base64(encode(voiceprint()))]
    batch = pa.record_batch({"voiceprint": column})
    assert first(batch, None, Signatures()) == (3, None, None)
    assert first(batch.slice(3), None, Signatures()) == (256, "golden-model", "golden-space")
    assert first(batch.slice(0, 2), None, Signatures()) is None


def test_what_is_missing_is_named() -> None:
    """Without pyarrow the command says which extra brings it."""
    code = "import sys; sys.modules['pyarrow'] = None\nfrom appliance.__main__ import main\nmain()"
    command = [sys.executable, "-c", code, "convert", "/dev/null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'voiceprint-appliance[bulk]'" in done.stderr


def test_the_example_of_spark() -> None:
    """What docs/bulk.md gives to Spark makes plain columns of a batch with a reject in it."""
    text = (Path(__file__).parents[4] / "docs/bulk.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # our own page
    batch = pa.record_batch({"id": ["a", "b"], "voiceprint": [to_base64(encode(voiceprint(vector=MADE[0]))), "****"]})
    (made,) = names["converted"](iter([batch]))
    assert made.schema == names["PLAIN"]
    good, bad = made.to_pylist()
    assert np.array(good["vector"], np.float32).tobytes() == MADE[0].tobytes()
    assert (bad["id"], bad["vector"], bad["fault_type"]) == ("b", None, "voiceprint.malformed")


def test_vectors_tell_their_models_and_spaces() -> None:
    """Where columns beside them say both, in whatever way Arrow holds text; one that is asked for must agree."""
    vectors = pa.array([[1.0, n] for n in range(5)], pa.list_(pa.float32()))
    models, spaces = ["a", "b", None, "a", "a" * 65], ["x", None, "x", "y", "x"]
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        batch = pa.record_batch({"model": pa.array(models).cast(kind), "vector": vectors, "space": pa.array(spaces)})
        made = Conversion(Form(2))(batch)
        assert made.column("model").to_pylist() == ["a", "b", None, "a", None]
        assert made.column("space").to_pylist() == ["x", "b", None, "y", None]
        expected = [None, None, "voiceprint.model-unknown", None, "voiceprint.malformed"]
        assert kinds(made) == expected
        assert kinds(Conversion(Form(2, model="a"))(batch))[:3] == [None, "voiceprint.space-mismatch", None]
        assert first(batch, None, Signatures()) == (2, "a", "x")
    broken = pa.array([b"\xff"] * 5).view(pa.string())
    made = Conversion(Form(2))(pa.record_batch({"model": broken, "vector": vectors, "space": spaces}))
    assert set(made.column("model").to_pylist()) == {"\\xff"}
    alone = pa.record_batch({"model": models, "vector": vectors})
    assert set(kinds(Conversion(Form(2))(alone))) == {"voiceprint.model-unknown"}
