"""The OpenAPI description: valid, whole, and about nothing that is not there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import SecretStr, create_model

from appliance.app import create_app
from appliance.description import examples
from appliance.description.components import Components
from appliance.description.document import described
from appliance.settings import Settings
from appliance.webhooks.sending import content
from appliance.webhooks.signing import signed
from schemas.errors import Refusal, TaskRefusal
from schemas.task import TaskState
from schemas.technologies import Result, Technology, technologies
from tasks.record import Callback, TaskRecord
from tests.unit.appliance.description.checking import document, fault, schema_of

MADE = [name for name in technologies() if (example := examples.of(name)) is not None and example.result is not None]
METHODS = {"get", "post", "delete", "put", "patch", "head", "options", "trace"}
SETTINGS = Settings(redis_url=SecretStr("redis://127.0.0.1:1"))


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation."""
    for path, item in described["paths"].items():
        for method in item.keys() & METHODS:
            yield method, path, item[method]


@pytest.mark.parametrize("keyed", [False, True], ids=["open", "keys"])
def test_valid(keyed: bool) -> None:
    """It is OpenAPI 3.1 by the schema of the specification, and every reference in it leads somewhere."""
    found = described(SETTINGS, keyed=keyed)
    assert found["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(found).validate()
    for place in re.findall(r'"\$ref": "([^"]+)"', json.dumps(found)):
        at: Any = found
        for part in place.removeprefix("#/").split("/"):
            at = at[part]


def test_nothing_is_declared_in_vain() -> None:
    """Every component is referred to."""
    found = described(SETTINGS, keyed=True)
    text = json.dumps(found)
    for kind in found["components"].keys() - {"securitySchemes"}:
        for name in found["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, (kind, name)


def test_operation_ids_are_unique() -> None:
    """Programs are made with them."""
    names = [operation["operationId"] for *_, operation in operations(document())]
    assert len(names) == len(set(names))


def test_every_route_is_described(tmp_path: Path) -> None:
    """What the application serves is described, each technology by itself, and nothing else."""
    app = create_app(SETTINGS.model_copy(update={"data_dir": tmp_path}))
    served = {
        (route.method.lower(), route.resource.canonical.replace("{technology}", name))
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
        for name in technologies()
    }
    assert {(method, path) for method, path, _ in operations(document())} == served


def test_a_model_is_one_of_those_served() -> None:
    """Wherever a request may choose one, and nowhere else: results may tell of models that were served once."""
    found = described(SETTINGS.model_copy(update={"model": "one", "more_models": ("another",)}))
    schemas = found["components"]["schemas"]
    asked = [parameter for *_, operation in operations(found) for parameter in operation["parameters"]]
    places = [parameter["schema"] for parameter in asked if parameter.get("name") == "model"]
    places += [schema["properties"]["model"] for name, schema in schemas.items() if name in _CHOOSING]
    assert len(places) > len(_CHOOSING)
    assert all(place["enum"] == ["one", "another"] for place in places)
    assert json.dumps(found).count('"another"') == len(places)


_CHOOSING = {
    component
    for component, schema in document()["components"]["schemas"].items()
    if component.endswith(("Document", "Parameters")) and "model" in schema["properties"]
}


def test_what_needs_a_key() -> None:
    """With keys, all but health and the description itself; a key is sent in one of two ways, and must have the scope
    that is told."""
    found = described(SETTINGS, keyed=True)
    free = {path for _, path, operation in operations(found) if operation["security"] == []}
    assert free == {"/health", "/ready", "/openapi.json", "/docs", "/docs/{asset}", "/", "/console/{asset}"}
    scopes = {"post": ["submit"], "get": ["read"], "delete": ["erase"]}
    for method, path, operation in operations(found):
        if path not in free:
            needed = ["system"] if path.startswith(("/api/system/", "/metrics")) else scopes[method]
            assert operation["security"] == [{"bearer": needed}, {"key": needed}]
        assert ("401" in operation["responses"]) is (path not in free)
    assert all("401" not in operation["responses"] for *_, operation in operations(document()))
    assert not [path for _, path, operation in operations(document()) if "security" in operation]


def descendants(kind: type[Refusal]) -> set[type[Refusal]]:
    return {kind} | {found for child in kind.__subclasses__() for found in descendants(child)}


@pytest.mark.parametrize(
    "kind",
    sorted(
        (
            one
            for one in descendants(Refusal) - {Refusal}
            if one.__module__ == Refusal.__module__ and not issubclass(one, TaskRefusal)
        ),
        key=lambda one: one.__name__,
    ),
)
def test_every_refusal_is_described(kind: type[Refusal]) -> None:
    """The status of each has one body, and its type is the one that is allowed there."""
    schema = schema_of(document()["components"]["responses"][kind.__name__]["content"]["application/json"]["schema"])
    assert fault(kind("it is so").body(), schema) is None
    assert fault(kind("it is so").body() | {"type": "another"}, schema) is not None


@pytest.mark.parametrize("technology", technologies().values(), ids=list(technologies()))
def test_what_a_technology_answers(technology: Technology) -> None:
    """A submission may meet each refusal that there is for one, a poll no other than its own."""
    paths = document()["paths"]
    submit = paths[f"/api/technology/{technology.name}"]["post"]["responses"]
    expected = {202, 400, 403, 405, 408, 409, 413, 415, 422, 429, 500, 501, 503, 507}
    assert {int(status) for status in submit} == expected
    task = paths[f"/api/technology/{technology.name}/{{task_id}}"]
    assert {int(status) for status in task["get"]["responses"]} == {200, 400, 403, 404, 405, 422, 500, 503}
    assert {int(status) for status in task["delete"]["responses"]} == {204, 400, 403, 404, 405, 500, 503, 507}


@pytest.mark.parametrize("technology", technologies().values(), ids=list(technologies()))
def test_what_a_technology_takes(technology: Technology) -> None:
    """Its parameters are those that it declares, in the query string and in what a form may hold."""
    submit = document()["paths"][f"/api/technology/{technology.name}"]["post"]
    query = {parameter["name"] for parameter in submit["parameters"] if parameter.get("in") == "query"}
    assert query == technology.parameters.model_fields.keys()
    content = submit["requestBody"]["content"]
    if technology.streams:
        assert content.keys() == set(technology.streams)
    elif technology.document is not None:
        body = schema_of(content["application/json"]["schema"])
        assert (
            set(schema_of(content["application/json"]["schema"])["properties"])
            == technology.document.model_fields.keys()
        )
        assert body
    else:
        form = content["multipart/form-data"]["schema"]
        assert form["required"] == ["file"]
        [config] = form["properties"]["config"]["allOf"]
        assert schema_of(config)["properties"].keys() == technology.parameters.model_fields.keys()


def test_bounds() -> None:
    """They stand there under the names that JSON Schema has for them, and nothing is null that may be left out."""
    submit = document()["paths"]["/api/technology/gender-identification"]["post"]
    found = {parameter["name"]: parameter for parameter in submit["parameters"] if "name" in parameter}
    assert found["channels"]["schema"] == {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "exclusiveMaximum": 1 << 32},
        "minItems": 1,
        "maxItems": 256,
    }
    assert found["channels"]["explode"] is False
    assert found["max_speech_length"]["schema"] == {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}
    assert found["channel_mode"]["schema"] == {"type": "string", "enum": ["split", "mix"], "default": "split"}
    text = json.dumps(document()["components"]["schemas"])
    assert not re.search(r'"(ge|gt|le|lt)": ', text)


TASK_ID = "6f1f4c0e-5d0f-4d8a-9b56-2f0a4b0f7f11"
ERRORS = {
    "failed": {"type": "internal", "message": "", "detail": []},
    "rejected": {"type": "task.validation-error", "message": "", "detail": []},
}


@pytest.mark.parametrize("state", TaskState)
@pytest.mark.parametrize("name", MADE)
def test_a_poll_shows_a_result_or_an_error(name: str, state: TaskState) -> None:
    """A task that is done has a result and no error, one that failed or was rejected an error of its kind only, and
    one that has not ended neither."""
    example = examples.of(name)
    assert example is not None
    poll = document()["paths"][f"/api/technology/{name}/{{task_id}}"]["get"]
    schema = poll["responses"]["200"]["content"]["application/json"]["schema"]
    task = {"task": {"task_id": TASK_ID, "state": state.value}}
    ends = {"done": {"result": example.result}} | {name: {"error": error} for name, error in ERRORS.items()}
    for has in [{}, *ends.values(), ends["done"] | ends["failed"]]:
        assert (fault(task | has, schema) is None) is (has == ends.get(state.value, {})), has


def test_examples_are_of_technologies() -> None:
    """Every recorded example belongs to a technology, which takes its body, and whose result it is."""
    for path in examples.FOLDER.iterdir():
        technology = technologies()[path.stem]
        example = examples.of(technology.name)
        assert example is not None
        if example.result is not None:
            technology.result.model_validate(example.result)
        assert (example.body is None) is (technology.document is None)
        if technology.document is not None:
            technology.document.model_validate(example.body)


def test_all_that_ends_a_task_is_told() -> None:
    """The kinds of details with which tasks end are listed."""
    text = document()["components"]["schemas"]["Detail"]["properties"]["type"]["description"]
    for kind in descendants(TaskRefusal):
        assert kind.kind in {"internal", "input"} or f"`{kind.kind}`" in text


def test_two_schemas_of_one_name_are_an_error() -> None:
    """None replaces another in silence."""
    components = Components([])
    components.add("One", {"type": "string"})
    components.add("One", {"type": "string"})
    with pytest.raises(ValueError, match="One"):
        components.add("One", {"type": "number"})


@pytest.mark.parametrize("state", ["done", "failed", "rejected"])
def test_what_a_callback_sends(state: str) -> None:
    """What is sent to a callback address is as described, whatever came of the task."""
    error = {"type": "internal", "message": "", "detail": []} if state != "done" else None
    callback = Callback("http://here.example/", ("192.0.2.1",), "http://there.example/api/technology/x/y")
    record = TaskRecord(TASK_ID, "gender-identification", 1, state=TaskState(state), error=error, callback=callback)
    item = document()["components"]["pathItems"]["TaskEnded"]["post"]
    body = json.loads(content(record, callback))
    assert fault(body, item["requestBody"]["content"]["application/json"]["schema"]) is None
    assert {header["name"] for header in item["parameters"]} == signed(b"k" * 16, "id", 1, b"").keys()


def test_two_classes_of_one_name() -> None:
    """Technologies need not know what others name their results: each has a schema of its own."""

    def declared(field: str) -> type[Result]:
        fields: Any = {field: (int, ...)}
        return create_model("Result", __base__=Result, __module__=f"made.{field}", **fields)

    one, other = declared("one"), declared("other")
    components = Components([one, other])
    assert components.name(one) != components.name(other)
    assert components.properties(one) == {"one": {"type": "integer"}}
    assert components.properties(other) == {"other": {"type": "integer"}}
