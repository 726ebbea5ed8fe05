"""What voice activity detection and diarization take, and how their results are shown."""

import io
import json
from typing import Any

import pytest

from schemas import rows
from schemas.errors import ValidationError
from schemas.listening import RecordingParameters
from schemas.technologies import parse_parameters, speaker_diarization, technologies
from schemas.technologies import voice_activity_detection as activity
from schemas.technologies.speaker_diarization import DiarizationParameters


def test_segments_of_voice() -> None:
    """Each channel has its number, its net speech, what was listened to, and its segments; a silent one has none."""
    stored = activity.pack([(0, 1.5, 4.0, [(0.5, 1.0), (2.0, 3.0)]), (1, 0.0, 4.0, ())])
    assert json.loads(b"".join(activity.TECHNOLOGY.render(io.BytesIO(stored)))) == {
        "channels": [
            {
                "channel_number": 0,
                "speech_length": 1.5,
                "processed_audio_length": 4.0,
                "segments": [
                    {"segment_type": "voice", "start_time": 0.5, "end_time": 1.0},
                    {"segment_type": "voice", "start_time": 2.0, "end_time": 3.0},
                ],
            },
            {"channel_number": 1, "speech_length": 0.0, "processed_audio_length": 4.0, "segments": []},
        ]
    }


def test_segments_of_speakers() -> None:
    """Each channel has its number, how many speak, and who speaks when, as the contract has it."""
    stored = rows.pack([(0, 2, [(0, 0.5, 1.0), (1, 0.9, 3.0)]), (1, 0, [])])
    shown = b"".join(speaker_diarization.TECHNOLOGY.render(io.BytesIO(stored)))
    assert json.loads(shown) == {
        "channels": [
            {
                "channel_number": 0,
                "speakers_count": 2,
                "segments": [
                    {"speaker_id": 0, "start_time": 0.5, "end_time": 1.0},
                    {"speaker_id": 1, "start_time": 0.9, "end_time": 3.0},
                ],
            },
            {"channel_number": 1, "speakers_count": 0, "segments": []},
        ]
    }
    speaker_diarization.Diarization.model_validate_json(shown, strict=True)


def test_what_is_missing_says_what_to_use() -> None:
    """A technology that is not there says so in a sentence that names what is."""
    (missing,) = [one for one in technologies().values() if one.missing]
    assert missing.name == "speaker-diarization"
    assert "voice-activity-detection" in str(missing.missing)


def test_numbers_of_speakers() -> None:
    """A number of speakers is taken as text and as JSON, at most so many or exactly so many."""
    assert parse_parameters(DiarizationParameters, {"max_speakers": "3"}, {}).max_speakers == 3
    assert parse_parameters(DiarizationParameters, {}, {"total_speakers": 2, "max_speakers": None}).total_speakers == 2
    assert parse_parameters(DiarizationParameters, {"channels": "0,1", "range_to": "4"}, {}).channels == (0, 1)


@pytest.mark.parametrize("name", ["max_speakers", "total_speakers"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", "1_0", "", "2147483648", 0, -1, 1.5, True, [2]])
def test_numbers_of_speakers_that_are_refused(name: str, value: Any) -> None:
    """What is no whole number above 0 is refused where it was given."""
    query, config = ({name: value}, {}) if isinstance(value, str) else ({}, {name: value})
    with pytest.raises(ValidationError) as caught:
        parse_parameters(DiarizationParameters, query, config)
    assert [detail.location for detail in caught.value.detail] == [("query" if query else "config", name)]


@pytest.mark.parametrize(
    ("query", "config"),
    [
        ({"max_speakers": "2", "total_speakers": "2"}, {}),
        ({}, {"max_speakers": 2, "total_speakers": 2}),
        ({"max_speakers": "2"}, {"total_speakers": 2}),
    ],
)
def test_not_both_numbers(query: dict[str, str], config: dict[str, int]) -> None:
    """Given both, wherever each stands, the request is refused."""
    with pytest.raises(ValidationError, match="must not be given together with max_speakers") as caught:
        parse_parameters(DiarizationParameters, query, config)
    assert caught.value.http_status == 422


@pytest.mark.parametrize("kind", [RecordingParameters, DiarizationParameters])
@pytest.mark.parametrize(
    "query",
    [
        {"range_from": "-1"},
        {"range_from": "2", "range_to": "2"},
        {"range_to": "inf"},
        {"channel_mode": "both"},
        {"channels": "0, 1"},
    ],
)
def test_parts_that_are_none(kind: type[RecordingParameters], query: dict[str, str]) -> None:
    """Parts of a recording are chosen by the rules of the extraction, and what is wrong is named."""
    with pytest.raises(ValidationError) as caught:
        parse_parameters(kind, query, {})
    assert [detail.location for detail in caught.value.detail] == [("query", list(query)[-1])]
