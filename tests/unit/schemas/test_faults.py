"""What libraries find wrong, in words for people."""

import pydantic
import pytest

from schemas.faults import faults, reason


class Inner(pydantic.BaseModel):
    numbers: list[int]


class Outer(pydantic.BaseModel, extra="forbid"):
    inner: Inner

    @pydantic.model_validator(mode="after")
    def _never(self) -> "Outer":
        raise ValueError("nothing is right")


def error_of(given: object) -> pydantic.ValidationError:
    with pytest.raises(pydantic.ValidationError) as caught:
        Outer.model_validate(given)
    return caught.value


def test_every_fault_by_its_field() -> None:
    """Each fault has its field, and nothing of what was given nor of the library is shown."""
    found = faults(error_of({"inner": {"numbers": [1, "secret"]}, "more\x1b[8m": "secret"}))
    assert found == (
        "inner.numbers.1: Input should be a valid integer, unable to parse string as an integer; "
        "more�[8m: Extra inputs are not permitted"
    )


def test_a_fault_of_the_whole() -> None:
    """What is wrong with the whole stands without a field, and without a colon before it."""
    assert faults(error_of({"inner": {"numbers": []}})) == "nothing is right"


def test_fields_by_other_names() -> None:
    """Whoever asks may name fields differently."""
    assert faults(error_of({}), lambda place: str(place[0]).upper()) == "INNER: Field required"


def test_reasons() -> None:
    """Errors of the system give its words without number or path, others what they say."""
    assert reason(FileNotFoundError(2, "No such file or directory", "/secret")) == "No such file or directory"
    assert reason(OSError("no number")) == "no number"
    assert reason(error_of({})) == "inner: Field required"
    assert reason(ValueError("it is wrong\x1b[8m")) == "it is wrong�[8m"
