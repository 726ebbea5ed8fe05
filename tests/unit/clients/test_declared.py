"""The Python client knows what the appliance declares: every technology, its parameters and its results."""

import dataclasses
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from appliance.description import system as described
from schemas import errors as declared_errors
from schemas.technologies import Technology, technologies
from voiceprint_client import Technology as KnownTechnology
from voiceprint_client import ask, errors, system

FUNCTIONS: dict[KnownTechnology[Any], Any] = {
    ask.EXTRACTION: ask.extract,
    ask.CONVERSION: ask.convert,
    ask.COMPARISON: ask.compare,
    ask.MERGING: ask.merge,
    ask.GENDER: ask.gender,
    ask.GENDER_OF_VOICEPRINTS: ask.gender_of_voiceprints,
    ask.AGE: ask.age,
    ask.AGE_OF_VOICEPRINTS: ask.age_of_voiceprints,
    ask.VOICE_ACTIVITY: ask.voice_activity,
    ask.DIARIZATION: ask.diarize,
}
BY_NAME = {technology.name: technology for technology in FUNCTIONS}
# A stream of any length is sent and read as it comes: nothing that this client does with a request would help.
DECLARED = [technology for technology in technologies().values() if not technology.streams]


def keywords(function: Any) -> set[str]:
    """What a caller may say beside the recording or the voiceprints."""
    hints, found = typing.get_type_hints(function), set()
    for name, one in inspect.signature(function).parameters.items():
        if one.kind is inspect.Parameter.KEYWORD_ONLY:
            found.add(name)
        elif one.kind is inspect.Parameter.VAR_KEYWORD:
            found |= set(typing.get_type_hints(typing.get_args(hints[name])[0]))
    return found


def pairs(kind: Any, model: Any) -> Iterator[tuple[type, type[pydantic.BaseModel]]]:
    """A dataclass and the declaration that it stands for, and those of all their parts."""
    for inner in (kind, *typing.get_args(kind)):
        for outer in (model, *typing.get_args(model)):
            if dataclasses.is_dataclass(inner) and inspect.isclass(outer) and issubclass(outer, pydantic.BaseModel):
                assert isinstance(inner, type)
                yield inner, outer
                hints = typing.get_type_hints(inner)
                for name, field in outer.model_fields.items():
                    yield from pairs(hints.get(field.alias or name), field.annotation)
            elif outer is not model and inner is kind:
                yield from pairs(inner, outer)


def test_every_technology_is_known() -> None:
    """There is a function for each that the appliance declares, and for no other."""
    assert set(BY_NAME) == {technology.name for technology in DECLARED}


@pytest.mark.parametrize("technology", DECLARED, ids=lambda technology: technology.name)
def test_every_parameter_is_known(technology: Technology) -> None:
    """All may be given but where to call back, which is of the submission."""
    assert keywords(FUNCTIONS[BY_NAME[technology.name]]) == set(technology.parameters.model_fields) - {"callback_url"}


@pytest.mark.parametrize("technology", DECLARED, ids=lambda technology: technology.name)
def test_every_result_is_known(technology: Technology) -> None:
    """A result has the fields that the appliance declares, all the way down."""
    found = list(pairs(BY_NAME[technology.name].result, technology.result))
    assert found
    for kind, model in found:
        assert {field.name for field in dataclasses.fields(kind)} == set(model.model_fields), kind


@pytest.mark.parametrize(
    ("kind", "model"),
    [(system.Info, described.Info), (system.Models, described.Models), (system.Status, described.Status)],
)
def test_what_is_told_of_the_system_is_known(kind: type, model: type[pydantic.BaseModel]) -> None:
    """So has what the appliance tells of itself."""
    for inner, outer in pairs(kind, model):
        names = {field.alias or name for name, field in outer.model_fields.items()}
        assert {field.name for field in dataclasses.fields(inner)} == names, inner


def test_every_refusal_is_known() -> None:
    """Each type of a refused request has an error of the same name."""
    declared = {
        kind.type: kind.__name__
        for kind in declared_errors.Refusal.__subclasses__()
        if not issubclass(kind, declared_errors.TaskRefusal)
    }
    ours = {name: kind.__name__ for name, kind in errors.REFUSALS.items()}
    assert ours == declared
