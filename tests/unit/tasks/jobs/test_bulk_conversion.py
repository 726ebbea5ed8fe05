"""The job of a stream: rows in are vectors and rejects, whatever comes in whatever order, and no pyarrow is needed for
lines."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_models.passage import Stopped
from schemas import converted
from schemas.converted import Block
from schemas.keyring import KeyRing
from schemas.signatures import UNSIGNED, Signatures
from schemas.technologies.speaker_identification_voiceprint_bulk_conversion import TECHNOLOGY
from schemas.voiceprint import encode, to_base64
from tasks.jobs import Work, jobs
from tests.unit.schemas.formats.sample_files import ubjson
from tests.unit.schemas.sample_voiceprints import PROPERTY, silent, voiceprint

A = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
LINES: dict[str, Any] = {
    "ours": to_base64(encode(voiceprint(vector=A[0]))),
    "ours, longer": to_base64(encode(voiceprint(vector=np.ones(9, np.float32)))),
    "another model's": to_base64(encode(voiceprint(vector=A[2], model="other", space="other-1"))),
    "silent": to_base64(encode(silent())),
    "Phonexia's": to_base64(ubjson(A[1])),
    "a list": A[2].tolist(),
    "not a voiceprint": "nothing",
    "null": None,
}


def run(
    body: bytes, signatures: Signatures = UNSIGNED, stop: Callable[[], bool] = lambda: False, **asked: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary and the rows."""
    parameters = TECHNOLOGY.parameters.model_validate(asked)
    work = Work(parameters, io.BytesIO(body), b"", 0, None, stop, signatures=signatures)  # type: ignore[arg-type]
    stored = io.BytesIO(b"".join(map(bytes, jobs()[TECHNOLOGY.name](work))))  # type: ignore[arg-type]
    summary = converted.summary(stored)
    return summary, [json.loads(line) for line in converted.lines(stored)]


@PROPERTY
@given(st.lists(st.sampled_from(sorted(LINES)), max_size=40), st.sampled_from([None, "golden-model", "mine"]))
def test_every_row_is_accounted_for(names: list[str], model: str | None) -> None:
    """In order, each with a vector of one length or a reason, whatever stands beside it."""
    asked = {"model_name": model} if model else {}
    summary, rows = run("".join(f"{json.dumps(LINES[name])}\n" for name in names).encode(), **asked)
    assert [row["row"] for row in rows] == list(range(len(names)))
    good = [row for row in rows if "vector" in row]
    assert (summary["rows"], summary["vectors"], summary["rejects"]) == (len(rows), len(good), len(rows) - len(good))
    assert sum(summary["models"].values()) == len(good)
    assert sum(summary["reject_types"].values()) == len(rows) - len(good)
    assert {len(row["vector"]) for row in good} <= {summary["dimension"]}
    expected = {"ours": A[0], "another model's": A[2], "Phonexia's": A[1], "a list": A[2], "ours, longer": np.ones(9)}
    for name, row in zip(names, rows, strict=True):
        if "vector" in row:
            np.testing.assert_array_equal(np.float32(row["vector"]), np.float32(expected[name]))
        else:
            assert row["type"].startswith("voiceprint.")
            assert row["message"]


def test_only_what_is_signed() -> None:
    """With a key ring, lists and voiceprints of others are rejects as well, by name; unless that is accepted."""
    ring = KeyRing({1: b"1" * 32})
    refusing, accepting = (Signatures.of(ring, unsigned) for unsigned in ("refuse", "accept"))
    given = [to_base64(refusing.encode(voiceprint(vector=A[0]))), LINES["Phonexia's"], LINES["a list"], LINES["ours"]]
    body = "\n".join(map(json.dumps, given)).encode()
    _, rows = run(body, refusing, model_name="golden-model")
    assert [row.get("type") for row in rows] == [None, *["voiceprint.not-signed"] * 3]
    summary, _ = run(body, accepting, model_name="golden-model")
    assert summary["vectors"] == 4


def test_it_can_be_stopped() -> None:
    """Between two batches."""
    with pytest.raises(Stopped):
        run(b"[1]\n", stop=lambda: True)


def test_lines_need_no_pyarrow() -> None:
    """A worker without it converts them, and says of an Arrow stream which extra it needs."""
    code = """
import sys
from schemas.errors import TaskInternalError
from schemas.representations import arrow
from tests.unit.tasks.jobs.test_bulk_conversion import run
sys.modules |= {name: None for name in sys.modules if name.partition(".")[0] == "pyarrow"}
assert run(b"[1, 2]\\n", model_name="m")[0]["vectors"] == 1
try:
    run(b"".join(arrow.table([arrow.texts("voiceprint")], [[arrow.of_texts(["one"])]])))
except TaskInternalError as error:
    assert "voiceprint-appliance[bulk]" in error.message
else:
    raise AssertionError("an Arrow stream was read")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "blocks",
    [
        [Block(1, None, [], [("a", "b")], np.array([-1], np.int32), np.zeros((0, 0), np.float32))],
        [Block(0, None, [("m", "s")], [], np.array([0, 0], np.int32), np.zeros((1, 2), np.float32))],
        [Block(0, None, [], [], np.array([-1], np.int32), np.zeros((0, 0), np.float32))],
    ],
)
def test_rows_that_do_not_add_up_are_no_result(blocks: list[Block]) -> None:
    """A row that is missing, or neither a vector nor a reject, ends the task instead of a result that hides it."""
    with pytest.raises(ValueError, match="rows"):
        list(converted.pack(blocks))


def test_more_models_than_a_summary_holds() -> None:
    """Those beyond the first thousand are counted together."""
    codes = np.arange(1002, dtype=np.int32)
    names = [(f"m{number}", "s") for number in range(1002)]
    (*_, end) = converted.pack([Block(0, None, names, [], codes, np.ones((1002, 1), np.float32))])
    models = converted.summary(io.BytesIO(end))["models"]
    assert len(models) == 1001
    assert models[""] == 2
