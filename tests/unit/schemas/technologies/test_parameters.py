"""What a caller may set, from the query string and from the `config` part."""

from typing import Any

import pytest

from schemas.errors import ValidationError
from schemas.technologies import joined, parse_parameters
from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters
from tasks.record import TaskRecord


def parsed(query: dict[str, str] | None = None, config: dict[str, Any] | None = None) -> ExtractionParameters:
    return parse_parameters(ExtractionParameters, query or {}, config or {})


def test_defaults() -> None:
    """Every channel by itself, no vector, no cap on speech."""
    assert parsed() == ExtractionParameters(
        channel_mode="split", channels=None, include_vector_voiceprint=False, max_speech_length=None
    )


@pytest.mark.parametrize("text", ["True", "true", "1"])
def test_true_in_the_query(text: str) -> None:
    """A Python client's `True`, JSON's `true` and `1` all mean yes."""
    assert parsed({"include_vector_voiceprint": text}).include_vector_voiceprint is True


@pytest.mark.parametrize("text", ["False", "false", "0"])
def test_false_in_the_query(text: str) -> None:
    """A Python client's `False`, JSON's `false` and `0` all mean no, even over a config that says yes."""
    read = parsed({"include_vector_voiceprint": text}, {"include_vector_voiceprint": True})
    assert read.include_vector_voiceprint is False


@pytest.mark.parametrize(
    ("query", "config", "channels"),
    [
        ({"channels": "0,1"}, {}, (0, 1)),
        ({"channels": "1"}, {}, (1,)),
        ({}, {"channels": "0,1"}, (0, 1)),
        ({}, {"channels": [0, 1]}, (0, 1)),
        ({}, {"channels": 1}, (1,)),
        ({}, {"channels": None}, None),
        ({"channels": "4294967295"}, {}, (4294967295,)),
    ],
)
def test_channels(query: dict[str, str], config: dict[str, Any], channels: tuple[int, ...] | None) -> None:
    """Numbers between commas in the query; the same, a list or one number in a config."""
    assert parsed(query, config).channels == channels


def test_the_query_wins() -> None:
    """Where both say something the query counts; what only the config says stays."""
    read = parsed({"channel_mode": "mix"}, {"channel_mode": "split", "max_speech_length": 3.5})
    assert (read.channel_mode, read.max_speech_length) == ("mix", 3.5)


def test_unknown_keys_are_ignored() -> None:
    """A caller may send more than is understood, in both places."""
    assert parsed({"colour": "red"}, {"shape": {"round": True}}) == parsed()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channel_mode", "both"),
        ("channel_mode", ""),
        ("channels", ""),
        ("channels", "a"),
        ("channels", "-1"),
        ("channels", "0;1"),
        ("channels", "1.5"),
        ("channels", "4294967296"),
        ("channels", "9" * 30),
        ("channels", "9" * 5000),
        ("include_vector_voiceprint", "maybe"),
        ("include_vector_voiceprint", "2"),
        ("include_vector_voiceprint", "yes"),
        ("include_vector_voiceprint", "on"),
        ("range_from", "1e308"),
        ("range_from", "1_0"),
        ("range_from", "-1"),
        ("range_to", "1000000.1"),
        ("range_to", " 1"),
        ("range_to", "0x10"),
        ("max_speech_length", "1e308"),
        ("max_speech_length", "0"),
        ("max_speech_length", "-1"),
        ("max_speech_length", "nan"),
        ("max_speech_length", "inf"),
        ("max_speech_length", "long"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(name: str, value: str) -> None:
    """A wrong value is a validation error that says whether the query or the config holds it."""
    for place, query, config in (("query", {name: value}, {}), ("config", {}, {name: value})):
        with pytest.raises(ValidationError) as refused:
            parsed(query, config)
        assert refused.value.detail[0].location[:2] == (place, name)
        assert refused.value.detail[0].message


@pytest.mark.parametrize(
    "value", [[], [-1], [0.5], ["x"], {"0": 1}, [10**30], [0] * 257], ids=lambda value: str(value)[:9]
)
def test_wrong_channels_in_a_config_are_refused(value: object) -> None:
    """Values that only JSON can carry are checked as well."""
    with pytest.raises(ValidationError):
        parsed(config={"channels": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("range_from", True), ("range_to", True), ("max_speech_length", True), ("include_vector_voiceprint", 1.0)],
)
def test_what_json_tells_apart_stays_apart(name: str, value: object) -> None:
    """In a config true is no number of seconds, and a fraction is not true."""
    with pytest.raises(ValidationError):
        parsed(config={name: value})


@pytest.mark.parametrize(("text", "seconds"), [("10", 10.0), ("+1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e1", 10.0)])
def test_seconds(text: str, seconds: float) -> None:
    """Seconds are read as every client writes them."""
    assert parsed({"range_from": text}).range_from == seconds


def test_only_a_list_may_be_repeated() -> None:
    """Channels may come one by one; another parameter that comes twice is named; unknown ones stay ignored."""
    query = [("channels", "0"), ("colour", "red"), ("channels", "1"), ("colour", "blue"), ("model", "a")]
    assert joined(ExtractionParameters, query) == {"channels": "0,1", "colour": "red,blue", "model": "a"}
    with pytest.raises(ValidationError, match=r"query\.model: must be given once") as refused:
        joined(ExtractionParameters, [*query, ("model", "a")])
    assert [detail.location for detail in refused.value.detail] == [("query", "model")]


def test_every_fault_is_told() -> None:
    """Two wrong values are two details, each at its own place."""
    with pytest.raises(ValidationError) as refused:
        parsed({"channel_mode": "x"}, {"max_speech_length": 0})
    assert {detail.location for detail in refused.value.detail} == {
        ("query", "channel_mode"),
        ("config", "max_speech_length"),
    }


def test_whatever_is_accepted_fits_the_record() -> None:
    """The largest parameters survive the way through the task record."""
    given = parsed({"channels": "0,4294967295", "max_speech_length": "1e6", "include_vector_voiceprint": "1"})
    record = TaskRecord("id", "technology", 1, given.model_dump(mode="json", exclude_defaults=True))
    assert ExtractionParameters.model_validate(TaskRecord.unpack(record.pack()).parameters) == given
