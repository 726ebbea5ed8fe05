"""How gender and age are asked for and shown."""

import io
import json
import math

import pytest

from schemas import rows
from schemas.errors import ValidationError
from schemas.listening import ListeningParameters
from schemas.technologies import (
    age_estimation,
    age_estimation_voiceprints,
    gender_identification,
    gender_identification_voiceprints,
    parse_parameters,
)


def shown(technology: object, *stored: tuple[float | None, ...]) -> object:
    text = b"".join(technology.TECHNOLOGY.render(io.BytesIO(rows.pack(stored))))  # type: ignore[attr-defined]
    return json.loads(text)


def test_gender_of_channels() -> None:
    """Each channel has its number, its speech length and both scores, or null for both without enough speech."""
    first, second = shown(gender_identification, (0, 9.5, 2.0), (3, 0.1, None))["channels"]  # type: ignore[index]
    assert (first["channel_number"], first["speech_length"]) == (0, 9.5)
    assert first["score_male"]["score_llr"] == 2.0
    assert first["score_female"]["score_llr"] == -2.0
    assert first["score_male"]["probability"] == pytest.approx(1 / (1 + math.exp(-2)))
    assert second == {"channel_number": 3, "speech_length": 0.1, "score_male": None, "score_female": None}


@pytest.mark.parametrize("technology", [gender_identification, age_estimation])
def test_how_much_was_listened_to(technology: object) -> None:
    """Each channel tells the seconds that were listened to; a result of an earlier version, which has none, is shown
    without."""
    now, before = shown(technology, (0, 9.5, 2, 12.25), (1, 9.5, 2))["channels"]  # type: ignore[index]
    assert now.pop("processed_audio_length") == 12.25
    assert now == before | {"channel_number": 0}


@pytest.mark.parametrize("llr", [0.0, 1e-9, -0.7, 3.0, 40.0, -1000.0])
def test_probabilities_sum_to_one(llr: float) -> None:
    """The probabilities of both genders sum to 1 for every score, be it beyond what an exponential can hold."""
    (result,) = shown(gender_identification_voiceprints, (1.0, llr))["results"]  # type: ignore[index]
    male, female = result["score_male"]["probability"], result["score_female"]["probability"]
    assert male + female == 1
    assert 0 <= male <= 1


def test_ages() -> None:
    """An age is a whole number or null, for channels and for voiceprints."""
    assert shown(age_estimation, (0, 5.0, 42), (1, 0.0, None)) == {
        "channels": [
            {"channel_number": 0, "speech_length": 5.0, "age": 42},
            {"channel_number": 1, "speech_length": 0.0, "age": None},
        ]
    }
    assert shown(age_estimation_voiceprints, (5.0, 42)) == {"results": [{"speech_length": 5.0, "age": 42}]}


@pytest.mark.parametrize("count", [0, 1, 1024, 1025, 5000])
def test_any_number_of_rows(count: int) -> None:
    """However many results there are, they are one list in their order."""
    results = shown(age_estimation_voiceprints, *((float(index), index) for index in range(count)))
    assert [row["age"] for row in results["results"]] == list(range(count))  # type: ignore[index]


def test_parameters() -> None:
    """A part of a recording is chosen by channels, by a range in seconds and by a cap of speech, as text or as JSON."""
    from_query = {
        "channel_mode": "mix",
        "channels": "0,1",
        "range_from": "1.5",
        "range_to": "4",
        "max_speech_length": "2",
    }
    config = {"channel_mode": "mix", "channels": [0, 1], "range_from": 1.5, "range_to": 4, "max_speech_length": 2}
    found = parse_parameters(ListeningParameters, from_query, {})
    assert found == parse_parameters(ListeningParameters, {}, config)
    assert (found.range_from, found.range_to, found.max_speech_length) == (1.5, 4.0, 2.0)
    assert parse_parameters(ListeningParameters, {"range_from": "0", "range_to": "0.1"}, {}).range_from == 0


@pytest.mark.parametrize(
    "query",
    [
        {"range_from": "-1"},
        {"range_to": "-0.5"},
        {"range_to": "0"},
        {"range_from": "2", "range_to": "2"},
        {"range_from": "3", "range_to": "1"},
        {"range_from": "nan"},
        {"range_to": "inf"},
        {"max_speech_length": "0"},
        {"max_speech_length": "-1"},
        {"channel_mode": "both"},
        {"channels": "0, 1"},
        {"model": "other"},
    ],
)
def test_parameters_that_are_refused(query: dict[str, str]) -> None:
    """Ranges that are empty, reversed, negative or not finite, caps that are not above 0 and unknown names are refused,
    and the parameter that is wrong is named."""
    with pytest.raises(ValidationError) as caught:
        parse_parameters(ListeningParameters, query, {}, ["ge2e"])
    assert caught.value.http_status == 422
    assert [detail.location for detail in caught.value.detail] == [("query", list(query)[-1])]
