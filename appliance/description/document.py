"""The description as a whole, OpenAPI 3.1."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pydantic

from appliance.access.needs import needs
from appliance.description import headers, parameters, refusals, tasks, technologies, webhook
from appliance.description.components import Components, Schema
from appliance.description.routes import ROUTES, Route
from appliance.settings import Settings
from schemas.errors import Refusal, Unauthorized
from schemas.technologies import Technology
from schemas.technologies import technologies as declared

OPENAPI = "3.1.0"
_SUMMARY = "Recordings in; speaker voiceprints, their vectors and what they tell out."
_DESCRIPTION = """\
Post a recording or voiceprints to a technology and receive a task; poll it at its `Location` until it is `done`,
`failed` or `rejected`. The poll of a task that failed is a 200: only requests that cannot be taken are errors of HTTP.
"""
# What is of no technology.
_SYSTEM = "system"
_KEY = "An API key of this appliance, `vp_…`. What an operation names are the scopes that the key must have."
_KEYS: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": _KEY},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": _KEY},
}


def described(settings: Settings, *, keyed: bool = False) -> dict[str, Any]:
    """The description of an appliance with `settings`, `keyed` where callers need an API key, but for `servers`, which
    depends on who asks."""
    found = sorted(declared().values(), key=lambda technology: technology.name)
    components = Components(_models(found), settings.served_models)
    for named in (tasks.schemas(), refusals.schemas(), webhook.schemas()):
        for name, schema in named.items():
            components.add(name, schema)
    everywhere: tuple[type[Refusal], ...] = (*refusals.EVERYWHERE, Unauthorized) if keyed else refusals.EVERYWHERE
    paths: dict[str, Any] = {}
    for technology in found:
        paths |= technologies.paths(technology, components, everywhere, settings.served_models)
    for route in ROUTES:
        paths[route.path] = {"get": _operation(route, components, refusals.EVERYWHERE if route.open else everywhere)}
    if keyed:
        _secure(paths)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Voiceprint appliance",
            "version": version("voiceprint-appliance"),
            "summary": _SUMMARY,
            "description": _DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name} for name in (*(technology.name for technology in found), _SYSTEM)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.schemas.items())),
            "responses": refusals.responses(),
            "parameters": parameters.shared() | headers.requested(),
            "headers": headers.answered(),
            "pathItems": {technologies.CALLBACK: webhook.path_item()},
            **({"securitySchemes": _KEYS} if keyed else {}),
        },
    }


def _secure(paths: dict[str, Any]) -> None:
    """Says of every operation which scopes a key must have, or that it needs none."""
    opened = {route.path for route in ROUTES if route.open}
    for path, item in paths.items():
        for method, operation in item.items():
            scopes = [str(scope) for scope in needs(method.upper(), path)]
            operation["security"] = [] if path in opened else [{name: scopes} for name in _KEYS]


def _models(found: list[Technology]) -> Iterator[type[pydantic.BaseModel]]:
    for technology in found:
        # The body, or what the part `config` of a form may hold.
        if not technology.streams:
            yield technology.document or technology.parameters
        yield technology.result
    for route in ROUTES:
        yield from (shown for shown in route.answers.values() if not isinstance(shown, tuple))


def _operation(route: Route, components: Components, everywhere: tuple[type[Refusal], ...]) -> dict[str, Any]:
    answers = refusals.answers((*everywhere, *route.refusals))
    for status, shown in route.answers.items():
        if isinstance(shown, tuple):
            content = {kind: {"schema": {"type": "object"} if "json" in kind else {"type": "string"}} for kind in shown}
        else:
            content = {"application/json": {"schema": components.of(shown)}}
        cached = {"ETag": headers.header("ETag")} if route.cached else {}
        answers[str(status)] = {
            "description": "What was asked for." if status == 200 else "The same, when something is wrong.",
            "headers": headers.ids() | cached,
            "content": content,
        }
    if route.cached:
        answers["304"] = {"description": "As `If-None-Match` names it.", "headers": headers.ids()}
    return {
        "operationId": route.name,
        "tags": [_SYSTEM],
        "summary": route.summary,
        "parameters": [*_last_part(route), *_query(route), *headers.request_ids()],
        "responses": dict(sorted(answers.items())),
    }


def _query(route: Route) -> list[dict[str, Any]]:
    return parameters.query(route.query) if route.query else []


def _last_part(route: Route) -> list[dict[str, Any]]:
    if not route.files:
        return []
    name = route.path.rpartition("{")[2].rstrip("}")
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": list(route.files)}}]
