"""The technologies: one file each, found here by itself.

A file declares `TECHNOLOGY`, a `Technology`: its name in the path, its parameters, what its input is and how its stored
result is rendered. Beside it, `tasks/jobs` holds the job of the same file name.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, BinaryIO, ClassVar, TypeVar

import pydantic
import pydantic_core
from pydantic import AfterValidator, BeforeValidator, Field

from schemas import voiceprint
from schemas.callbacks import CallbackUrl
from schemas.errors import ConfigurationError, Detail, ValidationError, VoiceprintMalformed
from schemas.representations import Tree, json_text


def _base64(text: str) -> str:
    try:
        voiceprint.from_base64(text)
    except VoiceprintMalformed as error:
        raise ValueError(error.message) from error
    return text


# Of the largest voiceprint in Base64.
_MOST_CHARACTERS = -(-voiceprint.MAXIMUM_BYTES // 3) * 4
_BASE64: dict[str, pydantic.JsonValue] = {"contentEncoding": "base64"}
# A voiceprint in a JSON body: checked to be Base64 before the task is accepted, decoded by the job.
VoiceprintText = Annotated[
    str,
    Field(
        max_length=_MOST_CHARACTERS,
        description="A voiceprint: its bytes as Base64.",
        json_schema_extra=_BASE64,
    ),
    AfterValidator(_base64),
]


def _base64_or_list(text: str) -> str:
    return text if text.lstrip().startswith("[") else _base64(text)


# What can be converted: a list of decimals is read by the job as well.
LegacyText = Annotated[
    str,
    Field(
        max_length=_MOST_CHARACTERS,
        description="A voiceprint: its bytes as Base64, ours or Phonexia's; or decimals as text, `[16.07, …]`.",
    ),
    AfterValidator(_base64_or_list),
]


def _served(name: str, info: pydantic.ValidationInfo) -> str:
    served = (info.context or {}).get("models")
    if served is not None and name not in served:
        raise ValueError(f"must be a model that is served here: {', '.join(served)}")
    return name


# Which of the served models to use; who knows them says so in the context of the validation.
ModelName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=voiceprint.NAME_CHARACTERS,
        description="A speaker model of those that are served here.",
    ),
    AfterValidator(_served),
]
# An audio source profile: which mean and calibration scores are made with.
ProfileName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=voiceprint.NAME_CHARACTERS,
        description="The audio source profile by whose mean and calibration scores are made.",
    ),
]


def _flag(value: Any) -> Any:
    """pydantic would take yes, on and t as well."""
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    if isinstance(value, str) and value.lower() in _FLAGS:
        return _FLAGS[value.lower()]
    raise pydantic_core.PydanticCustomError("bool_parsing", "must be true or false")


_FLAGS = {"true": True, "1": True, "false": False, "0": False}
# True or false, as JSON, query strings and clients in Python write it.
Flag = Annotated[bool, BeforeValidator(_flag)]


class Parameters(pydantic.BaseModel):
    """What a caller may set, in the query string or in the `config` part; keys that are not known are ignored.

    `LISTS` are those that a query string may repeat. `callback_url` is where the task's end is told.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    LISTS: ClassVar[frozenset[str]] = frozenset()

    callback_url: CallbackUrl | None = None


class Document(pydantic.BaseModel):
    """A JSON request body; keys that are not known are ignored. `callback_url` may stand here as well as among the
    parameters, which win."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", strict=True)

    callback_url: CallbackUrl | None = None


class Shown(pydantic.BaseModel):
    """A JSON object in a result: every key that it may have, those with a default being there only at times."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Result(Shown):
    """What the poll shows as `result` once the task is done; it describes what `show` reads."""


@dataclass(frozen=True, slots=True)
class Technology:
    """One technology.

    `document` is the JSON body it takes, or `streams` are the media types of a body of any length; without either it
    takes a recording as multipart form data. `show` reads an open result file as the poll's `result`, which `result`
    describes; `forms` are other media types in which there is a result, and what reads it as the pieces of one. `head`
    is the kind of head that a worker must have for it, or None. `missing` says why this appliance cannot do it at all:
    then there is no job, and every request is answered with that.
    """

    name: str
    summary: str
    show: Callable[[BinaryIO], Tree]
    result: type[Result]
    parameters: type[Parameters] = Parameters
    document: type[Document] | None = None
    streams: tuple[str, ...] = ()
    forms: Mapping[str, Callable[[BinaryIO], Iterator[bytes]]] = field(default_factory=dict, hash=False)
    head: str | None = None
    missing: str | None = None

    def render(self, stored: BinaryIO) -> Iterator[bytes]:
        """The pieces of the JSON text of the poll's `result`."""
        return json_text.pieces(self.show(stored))


_P = TypeVar("_P", bound=Parameters)


@cache
def technologies() -> Mapping[str, Technology]:
    """Every technology by its name. Raises ConfigurationError that names a file which declares none."""
    found: dict[str, Technology] = {}
    for module in pkgutil.iter_modules(__path__):
        declared = getattr(importlib.import_module(f"{__name__}.{module.name}"), "TECHNOLOGY", None)
        if not isinstance(declared, Technology) or declared.name.replace("-", "_") != module.name:
            raise ConfigurationError(
                f"schemas/technologies/{module.name}.py must declare TECHNOLOGY, a Technology named after the file"
            )
        found[declared.name] = declared
    return found


def joined(kind: type[Parameters], query: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters of a query string by name; many clients send a list as a parameter that is repeated.

    Raises ValidationError that names those which are repeated though they are no lists.
    """
    given: dict[str, list[str]] = {}
    for name, value in query:
        given.setdefault(name, []).append(value)
    repeated = [name for name in given if name in kind.model_fields.keys() - kind.LISTS and len(given[name]) > 1]
    if repeated:
        details = [Detail(("query", name), "must be given once", "repeated") for name in repeated]
        raise ValidationError(f"the request is not valid: query.{repeated[0]}: must be given once", details)
    return {name: ",".join(values) for name, values in given.items()}


def parse_parameters(
    kind: type[_P], query: Mapping[str, str], config: Mapping[str, Any], models: Collection[str] | None = None
) -> _P:
    """The parameters from both places; the query string wins where both set one, and a null counts as not set.

    `models` are those that are served, among which a `model` must be; None means that nobody knows.

    Raises ValidationError with one detail per fault, each located at where the value came from.
    """
    try:
        given = {name: value for name, value in config.items() if value is not None}
        return kind.model_validate({**given, **query}, context={"models": models})
    except pydantic.ValidationError as error:
        first = [str(fault["loc"][0]) if fault["loc"] else "" for fault in error.errors()]
        places = ["query" if name in query else "config" for name in first]
        raise refusal(error, places) from error


def refusal(error: pydantic.ValidationError, places: list[str]) -> ValidationError:
    """pydantic's faults as the contract's error body; `places` holds the outermost location of each fault."""
    details = [
        Detail((place, *fault["loc"]), _message(fault), fault["type"])
        for place, fault in zip(places, error.errors(include_url=False, include_context=False), strict=True)
    ]
    named = "; ".join(f"{'.'.join(map(str, d.location))}: {d.message}" for d in details[:3])
    return ValidationError(f"the request is not valid: {named}", details)


def _message(fault: pydantic_core.ErrorDetails) -> str:
    # pydantic would name the class that stands for the document.
    if fault["type"] == "model_type":
        return "must be a JSON object"
    return fault["msg"].removeprefix("Value error, ")
