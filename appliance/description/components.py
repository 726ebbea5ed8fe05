"""pydantic models as the named schemas of a description."""

from collections.abc import Iterable, Sequence
from typing import Any

import pydantic
from pydantic.json_schema import models_json_schema

from schemas.technologies import Document, Parameters

Schema = dict[str, Any]

# What a request calls the speaker model that it chooses.
MODEL = "model"
PLACE = "#/components/schemas/"
# pydantic leaves a bound that stands around a validator under its own name for it, which no reader of schemas knows.
_OF_NUMBERS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_OF_ARRAYS = {"minLength": "minItems", "maxLength": "maxItems"}


class Components:
    """The schemas of `models` and of all that these hold; two classes of one name get the names of their modules.

    Where a request may choose a speaker model, it is one of those `served`.
    """

    def __init__(self, models: Iterable[type[pydantic.BaseModel]], served: Sequence[str] = ()) -> None:
        models = list(dict.fromkeys(models))
        places, found = models_json_schema(
            [(model, "validation") for model in models], ref_template=f"{PLACE}{{model}}"
        )
        self._places = {model: str(place["$ref"]) for (model, _), place in places.items()}
        self.schemas: dict[str, Schema] = {name: cleaned(schema) for name, schema in found.get("$defs", {}).items()}
        for model in models:
            if served and issubclass(model, Parameters | Document) and MODEL in model.model_fields:
                self.properties(model)[MODEL]["enum"] = list(served)

    def of(self, model: type[pydantic.BaseModel]) -> Schema:
        """A reference to the schema of `model`."""
        return {"$ref": self._places[model]}

    def name(self, model: type[pydantic.BaseModel]) -> str:
        """By which the schema of `model` is known: that of its class, if no other class has the same."""
        return self._places[model].removeprefix(PLACE)

    def properties(self, model: type[pydantic.BaseModel]) -> dict[str, Schema]:
        """The schema of every field of `model`."""
        properties: dict[str, Schema] = self.schemas[self.name(model)].get("properties", {})
        return properties

    def add(self, name: str, schema: Schema) -> Schema:
        """A reference to `schema`, from now on known by `name`. Raises ValueError when that means another already."""
        if self.schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two schemas are named {name}")
        return reference(name)


def reference(name: str) -> Schema:
    return {"$ref": f"{PLACE}{name}"}


def cleaned(schema: Any) -> Any:
    """With the keywords of JSON Schema only, docstrings on one line, and without the titles that repeat the names."""
    if isinstance(schema, list):
        return [cleaned(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "default" in schema and schema["default"] is None:
        schema = _set(schema)
    match schema.get("type"):
        case "number" | "integer":
            known = _OF_NUMBERS
        case "array":
            known = _OF_ARRAYS
        case _:
            known = {}
    made: Schema = {known.get(str(word), str(word)): value for word, value in schema.items() if word != "title"}
    if isinstance(text := made.get("description"), str):
        made["description"] = flowing(text)
    if isinstance(properties := made.pop("properties", None), dict):
        # Names of fields, not keywords: one of them may be `title`.
        made["properties"] = {name: cleaned(inner) for name, inner in properties.items()}
    return {word: value if word in _AS_IT_IS else cleaned(value) for word, value in made.items()}


_AS_IT_IS = frozenset({"properties", "description", "default", "const", "enum", "example", "examples"})


def flowing(text: str) -> str:
    """A docstring without the line ends that its source has."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def _set(schema: Schema) -> Schema:
    """The schema of a value that may be left out; a null does that as well, but is nothing to recommend."""
    made = {word: value for word, value in schema.items() if word not in {"default", "anyOf"}}
    there = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    return {**there[0], **made} if len(there) == 1 else {**made, "anyOf": there}
