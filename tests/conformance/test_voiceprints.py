"""Both clients that work on stored voiceprints: comparison, merging, conversion."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas import voiceprint as container
from tests.conformance.conftest import DEMO, OTHER_VOICE, SAME_VOICE, Server

CLIENTS = ["speaker_identification_client", "voiceprint_comparison_client"]
pytestmark = pytest.mark.parametrize("client", CLIENTS)

Voiceprint = Callable[[Path], Path]


def listed(file: Path, voiceprints: Sequence[Path]) -> Path:
    """A list of voiceprint files as the clients read it."""
    file.write_text("".join(f"{path}\n" for path in voiceprints))
    return file


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON objects that a client prints one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def printed(text: bytes) -> list[list[float]]:
    """The matrix of a comparison's text output."""
    heading, *rows = text.decode().splitlines()
    assert heading == "Score:"
    return [[float(value) for value in row.split()] for row in rows]


def test_one_with_one(server: Server, client: str, voiceprint: Voiceprint) -> None:
    """The same speaker scores above 0 and another below, in text and in JSON, in one answer each."""
    demo = voiceprint(DEMO)
    for other, same in ((SAME_VOICE, True), (OTHER_VOICE, False)):
        words = ["--files", demo, voiceprint(other)]
        (answer,) = documents(server.output(f"{client} compare", *words).decode())
        scores = answer["scores"]
        # JSON has no integers of 64 bits, so protobuf writes them as text.
        assert (int(scores["rows_count"]), int(scores["columns_count"])) == (1, 1)
        ((score,),) = printed(server.output(f"{client} compare", "--out-format", "text", *words))
        assert (scores["values"][0] > 0) is same
        assert score == pytest.approx(scores["values"][0], abs=0.06)


def test_many_with_many(server: Server, client: str, voiceprint: Voiceprint, tmp_path: Path) -> None:
    """Rows are the first list, columns the second."""
    rows = [DEMO, OTHER_VOICE]
    columns = [SAME_VOICE, OTHER_VOICE, DEMO]
    lists = [listed(tmp_path / name, [*map(voiceprint, side)]) for name, side in (("a", rows), ("b", columns))]
    matrix = printed(server.output(f"{client} compare", "--lists", *lists, "--out-format", "text"))
    assert [[score > 0 for score in row] for row in matrix] == [[True, False, True], [False, True, False]]
    answers = documents(server.output(f"{client} compare", "--lists", *lists).decode())
    scores = answers[0]["scores"]
    assert (int(scores["rows_count"]), int(scores["columns_count"])) == (2, 3)
    values = [value for answer in answers for value in answer["scores"]["values"]]
    assert values == pytest.approx([score for row in matrix for score in row], abs=0.06)


def test_lists_of_more_than_a_message(server: Server, client: str, voiceprint: Voiceprint, tmp_path: Path) -> None:
    """Lists that arrive interleaved in messages of 1,024 voiceprints are one matrix, however many answers it takes."""
    rows, columns = [voiceprint(DEMO)] * 1300 + [voiceprint(OTHER_VOICE)], [voiceprint(SAME_VOICE)] * 740
    lists = [listed(tmp_path / "a", rows), listed(tmp_path / "b", columns)]
    answers = documents(server.output(f"{client} compare", "--lists", *lists).decode())
    assert (int(answers[0]["scores"]["rows_count"]), int(answers[0]["scores"]["columns_count"])) == (1301, 740)
    values = [value for answer in answers for value in answer["scores"]["values"]]
    assert len(values) == 1301 * 740
    assert len(set(values[: 1300 * 740])) == 1
    assert values[0] > 0 > values[-1]


def test_merging(server: Server, client: str, voiceprint: Voiceprint, tmp_path: Path) -> None:
    """The merged voiceprint stands for the speech of both, and is of their speaker."""
    merged, parts = tmp_path / "merged.vp", [voiceprint(DEMO), voiceprint(SAME_VOICE)]
    server.output(f"{client} merge", "--out-format", "binary", "--output", merged, *parts)
    lengths = [container.decode(part.read_bytes()).speech_length for part in parts]
    assert container.decode(merged.read_bytes()).speech_length == pytest.approx(sum(lengths))
    answer = server.told(f"{client} merge", *parts)
    assert float(answer["speech_length"].removesuffix("s")) == pytest.approx(sum(lengths))
    scores = [server.told(f"{client} compare", "--files", merged, part)["scores"]["values"][0] for part in parts]
    assert (
        min(scores)
        > 0
        > server.told(f"{client} compare", "--files", merged, voiceprint(OTHER_VOICE))["scores"]["values"][0]
    )


def test_conversion(server: Server, client: str, voiceprint: Voiceprint) -> None:
    """Vectors come back in the order of the files, value for value those of the containers."""
    files = [voiceprint(recording) for recording in (OTHER_VOICE, DEMO, SAME_VOICE)]
    (answer,) = documents(server.output(f"{client} convert", *files).decode())
    vectors = [vector["values"] for vector in answer["vector_voiceprints"]]
    assert vectors == [pytest.approx(container.decode(file.read_bytes()).vector.tolist(), abs=1e-6) for file in files]


def test_what_is_no_voiceprint(server: Server, client: str, voiceprint: Voiceprint) -> None:
    """A recording among voiceprints is refused by its place."""
    for words in (("compare", "--files", voiceprint(DEMO), DEMO), ("convert", DEMO)):
        refused = server.call(f"{client} {words[0]}", *words[1:])
        assert refused.returncode == 1
        assert b"INVALID_ARGUMENT" in refused.stderr
