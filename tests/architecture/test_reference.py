"""The reference pages tell of all that a caller or an operator can meet, as the code has it, and of nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.access.api_key import Scope
from appliance.grpc_face.services import services
from schemas import quality, voiceprint
from schemas.errors import Conflict, Refusal, TaskRefusal
from schemas.technologies import Document, technologies
from tests.architecture.test_documented import descendants

ROOT = Path(__file__).parents[2]
# Those whose sections say that they are as another's.
LIKE = {"age-estimation": "gender-identification", "gender-identification-voiceprints": "gender-identification"}
REFUSALS = sorted(descendants(Refusal) - {Refusal, TaskRefusal}, key=lambda kind: kind.__name__)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def section(text: str, heading: str) -> str:
    """What stands under a heading, to the next of its level."""
    level, _, _ = heading.partition(" ")
    return text.partition(f"\n{heading}\n")[2].partition(f"\n{level} ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables in `text`, heads among them."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_refusals_have_their_statuses() -> None:
    """The table of refused requests has every type with its HTTP status, and no other."""
    told = {(cells[0].strip("`"), cells[1]) for cells in rows(section(page("errors.md"), "## Requests"))[1:]}
    requests = [kind for kind in REFUSALS if not issubclass(kind, TaskRefusal)]
    assert told == {(kind.type, str(kind.http_status)) for kind in requests}


def test_kinds_of_details_are_those_that_there_are() -> None:
    """The table of details has every kind of a refused task, and no other."""
    told = {cells[0].strip("`") for cells in rows(section(page("errors.md"), "## Tasks"))} - {"type", "kind"}
    kinds = {kind.kind for kind in REFUSALS if issubclass(kind, TaskRefusal)} - {"internal", "input"}
    assert told == kinds | {kind.type for kind in REFUSALS if issubclass(kind, TaskRefusal)}


def test_grpc_statuses_and_services_are_told() -> None:
    """docs/grpc.md has every service, and every status of a refusal that a call can meet."""
    text = page("grpc.md")
    for name in services():
        assert f"`{name.removeprefix('phonexia.grpc.technologies.')}`" in text, name
    told = {cells[0].strip("`") for cells in rows(section(text, "## Errors"))[1:]}
    assert {kind.grpc_status for kind in REFUSALS} - {Conflict.grpc_status} <= told


def keys(schema: object) -> Iterator[str]:
    """The names of all properties in a JSON schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from keys(part)


@pytest.mark.parametrize("name", technologies())
def test_parameters_and_results_of_a_technology_are_told(name: str) -> None:
    """The section of its path, or the one to which that leads, has every parameter, and every key of its JSON body and
    of its result."""
    technology = technologies()[name]
    kinds = (technology.parameters, technology.document or Document, technology.result)
    wanted = {key for kind in kinds for key in keys(kind.model_json_schema())} - {"callback_url"}
    sections = (section(page("api.md"), f"### `POST /api/technology/{one}`") for one in (name, LIKE.get(name)))
    assert wanted <= set(re.findall(r"\w+", " ".join(sections)))


def test_scopes_are_told() -> None:
    """The table of scopes is the list of scopes."""
    told = [cells[0].strip("`") for cells in rows(section(page("api.md"), "## Keys"))[1:]]
    assert told == [scope.value for scope in Scope]


def layout(docstring: str) -> Iterator[tuple[str, ...]]:
    """The rows of the tables in a docstring, in which a row that is too long goes on below its last column."""
    row: list[str] = []
    for line in docstring.splitlines():
        if re.match(r" {4}\S", line):
            if row:
                yield tuple(row)
            row = re.split(r" {2,}", line.strip(), maxsplit=2)
        elif row and line.startswith(" " * 8):
            row[-1] += f" {line.strip()}"
        elif row:
            yield tuple(row)
            row = []


@pytest.mark.parametrize("module", [voiceprint, quality], ids=lambda module: module.__name__)
def test_the_container_is_told(module: object) -> None:
    """docs/container.md has the layouts that the modules freeze, row by row."""
    told = {tuple(cell.replace("`", "") for cell in cells) for cells in rows(page("container.md"))}
    frozen = [tuple(cell.replace("`", "") for cell in row) for row in layout(module.__doc__ or "")]
    assert len(frozen) >= 8
    for row in frozen:
        assert row in told, row


def test_verdicts_of_the_console_are_told() -> None:
    """docs/console.md has the scores from which on the console's words hold."""
    code = (ROOT / "appliance/console/words.js").read_text()
    verdicts = re.findall(r'^  \[([\d.]+), "same\d", "([^"]+)"\]', code, re.MULTILINE)
    assert verdicts
    told = [(cells[0], cells[1]) for cells in rows(page("console.md"))]
    for least, words in verdicts:
        assert any(score.startswith(f"{least} and above") and said == words for score, said in told), words
