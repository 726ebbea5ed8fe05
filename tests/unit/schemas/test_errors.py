"""The tree in the docstring of `schemas.errors` is the tree of its classes, and every refusal has one body."""

import inspect
import re
from collections.abc import Iterator

import pytest

from schemas import errors
from schemas.errors import ApplianceError, Detail, Refusal, TaskInternalError, TaskRefusal, TaskValidationError

_LINE = re.compile(r"^ {4}(?P<indent>[│ ]*)(?:[├└]── )?(?P<name>[A-Z]\w+)(?: {2,}(?P<rest>\S.*))?$")
_COLUMNS = re.compile(r"^(?P<type>[a-z.-]+) +(?P<http>\d{3}) +(?P<grpc>[A-Z_]+)")


def drawn() -> Iterator[tuple[str, str | None, str]]:
    """Name, parent and what stands beside it for every line of the drawn tree."""
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := _LINE.match(line):
            branched = "├" in line or "└" in line
            depth = len(found["indent"]) // 4 + 1 if branched else 0
            above = [*above[:depth], found["name"]]
            yield found["name"], above[depth - 1] if depth else None, found["rest"] or ""


def kinds() -> dict[str, type[ApplianceError]]:
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, ApplianceError) and kind.__module__ == errors.__name__
    }


def refusals() -> list[type[Refusal]]:
    return [kind for kind in kinds().values() if issubclass(kind, Refusal)]


def test_every_class_is_drawn_under_its_base() -> None:
    """The drawing has every class once, each below the one that it derives from."""
    real = {name: None if kind is ApplianceError else kind.__base__.__name__ for name, kind in kinds().items()}
    lines = list(drawn())
    assert {name: parent for name, parent, _ in lines} == real
    assert len(lines) == len(real)


def test_types_and_statuses_are_drawn_as_they_are() -> None:
    """Type, HTTP and gRPC status beside a name are the class's own; a name without them inherits its parent's."""
    shown: dict[str, tuple[str, str, str]] = {}
    for name, parent, rest in drawn():
        if columns := _COLUMNS.match(rest):
            shown[name] = (columns["type"], columns["http"], columns["grpc"])
        elif parent in shown:
            shown[name] = shown[parent]
    real = {kind.__name__: (kind.type, str(kind.http_status), kind.grpc_status) for kind in refusals()}
    # Two of the tree only gather others and are never raised.
    assert shown == {name: columns for name, columns in real.items() if name not in {"Refusal", "TaskRefusal"}}


def test_the_published_types_have_their_statuses() -> None:
    """The contract's error types and HTTP statuses, word for word."""
    published = {
        "internal": 500,
        "resource.not-found": 404,
        "method.invalid": 405,
        "request.forbidden": 403,
        "request.invalid": 400,
        "request.validation-error": 422,
        "request.rate-limit-exceeded": 429,
        "request.size-limit-exceeded": 413,
        "storage.capacity-exceeded": 507,
        "request.unauthorized": 401,
        "request.timeout": 408,
        "request.conflict": 409,
        "request.unsupported-media": 415,
        "technology.unavailable": 501,
        "service.overloaded": 503,
        "task.validation-error": 422,
    }
    assert {kind.type: kind.http_status for kind in refusals()} == published


def test_a_task_ends_by_what_the_tree_says() -> None:
    """Below TaskValidationError a task is rejected, below TaskInternalError it failed and may be tried again."""
    for kind in refusals():
        if issubclass(kind, TaskRefusal) and kind is not TaskRefusal:
            assert kind.retryable is issubclass(kind, TaskInternalError) is not issubclass(kind, TaskValidationError)


@pytest.mark.parametrize("kind", refusals(), ids=lambda kind: kind.__name__)
def test_every_refusal_has_one_body(kind: type[Refusal]) -> None:
    """Type, message and details at the top level, and nothing else, whatever is refused."""
    refusal = kind("what is wrong", [Detail(("body", "voiceprints", 3), "not Base64", "value_error", {"at": 1})])
    assert refusal.body() == {
        "type": kind.type,
        "message": "what is wrong",
        "detail": [
            {
                "location": ["body", "voiceprints", 3],
                "message": "not Base64",
                "type": "value_error",
                "context": {"at": 1},
            }
        ],
    }
    assert kind("alone").body()["detail"] == []


def test_a_refusal_can_be_one_detail_of_another() -> None:
    """What is wrong with one of many is told with its place, its message and its kind."""
    detail = errors.VoiceprintDamaged("it was altered").at("body", "voiceprints", 2)
    assert detail == Detail(("body", "voiceprints", 2), "it was altered", "voiceprint.damaged")


def test_each_fault_of_the_input_has_a_kind_of_its_own() -> None:
    """A program can tell the media and voiceprint errors apart by their kind."""
    named = [kind.kind for kind in refusals() if issubclass(kind, TaskValidationError)]
    assert len(set(named)) == len(named)
