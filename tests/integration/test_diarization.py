"""Diarization, which this appliance does not do yet."""

import httpx
import pytest

DIARIZATION = "/api/technology/speaker-diarization"


@pytest.mark.parametrize("query", [{}, {"max_speakers": 2}, {"total_speakers": 2, "range_from": 1}])
def test_it_is_not_there(client: httpx.Client, query: dict[str, int]) -> None:
    """A request that means something is a 501 that says what to use instead, and makes no task."""
    answer = client.post(DIARIZATION, files={"file": b"RIFF"}, params=query)
    assert (answer.status_code, answer.json()["type"]) == (501, "technology.unavailable")
    assert "voice-activity-detection" in answer.json()["message"]
    assert client.get(f"{DIARIZATION}/00000000-0000-4000-8000-000000000000").status_code == 404


def test_it_is_said_before_the_recording_is_read(client: httpx.Client) -> None:
    """The answer does not wait for the recording: a body that is no form is not even looked at."""
    answer = client.post(DIARIZATION, content=b"no form", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 501


@pytest.mark.parametrize(
    "query",
    [{"max_speakers": 0}, {"total_speakers": "two"}, {"max_speakers": 2, "total_speakers": 2}, {"range_from": -1}],
)
def test_wrong_parameters_are_told_first(client: httpx.Client, query: dict[str, object]) -> None:
    """Parameters that mean nothing are a 422 all the same."""
    answer = client.post(DIARIZATION, files={"file": b"RIFF"}, params=query)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["type"]) == (422, "request.validation-error")
    assert [detail["location"] for detail in answer.json()["detail"]] == [["query", list(query)[-1]]]
