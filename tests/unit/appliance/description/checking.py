"""The description of an appliance, and JSON held against its schemas."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from pydantic import SecretStr

from appliance.description.document import described
from appliance.settings import Settings


@cache
def document() -> dict[str, Any]:
    """That of an appliance with the default settings."""
    return described(Settings(redis_url=SecretStr("redis://127.0.0.1:1")))


def schema_of(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one that is referred to."""
    found: Any = document()
    if "$ref" not in schema:
        return schema
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def fault(value: object, schema: dict[str, Any]) -> str | None:
    """What of `value` is not as `schema` says, or None."""
    whole = schema | {"components": document()["components"]}
    for error in Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value):
        return f"{error.json_path}: {error.message[:300]}"
    return None
