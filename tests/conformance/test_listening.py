"""The clients for gender, age, voice activity and diarization."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.conftest import DEMO, OTHER_VOICE, SAME_VOICE, Server
from tests.conformance.test_extraction import seconds

GENDER, AGE = "gender_identification_client", "age_estimation_client"
ACTIVITY, DIARIZATION = "voice_activity_detection_client", "speaker_diarization_client"
RAW = pytest.mark.parametrize("raw", [(), ("--use-raw-audio",)], ids=["encoded", "raw"])


@RAW
def test_gender_of_a_recording(server: Server, raw: tuple[str, ...]) -> None:
    """One result with both scores, which mirror each other, and their probabilities."""
    answer = server.told(GENDER, *raw, DEMO)
    (result,) = answer["results"]
    male, female = result["score_male"], result["score_female"]
    assert male["score_llr"] == pytest.approx(-female["score_llr"])
    assert male["probability"] + female["probability"] == pytest.approx(1)
    assert (male["score_llr"] > 0) == (male["probability"] > 0.5)
    assert seconds(result["speech_length"]) > 3
    assert seconds(answer["processed_audio_length"]) == pytest.approx(5.495, abs=0.01)


def test_gender_of_a_voiceprint(server: Server, voiceprint: Callable[[Path], Path]) -> None:
    """The client finds out by itself that the file is a voiceprint; it says the same as the recording."""
    (heard,), (stored,) = (server.told(GENDER, file)["results"] for file in (OTHER_VOICE, voiceprint(OTHER_VOICE)))
    assert stored["score_male"]["score_llr"] == pytest.approx(heard["score_male"]["score_llr"])
    assert stored["speech_length"] == heard["speech_length"]


@RAW
def test_gender_with_a_range_and_a_cap(server: Server, raw: tuple[str, ...]) -> None:
    """Only the part that was asked for, and no more speech than the cap."""
    answer = server.told(GENDER, "--time-range", "1:4", "--speech-length", "1.5", *raw, DEMO)
    assert seconds(answer["results"][0]["speech_length"]) == pytest.approx(1.5)
    assert seconds(answer["processed_audio_length"]) <= 3.04


def test_an_mp3_that_the_client_takes_for_a_voiceprint(server: Server, tmp_path: Path) -> None:
    """An MP3 with an ID3 tag arrives as a voiceprint: it is refused in words, and nothing breaks."""
    # To a reader of UBJSON, "I" announces a number of two bytes, and there they are: D and 3.
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x00" + SAME_VOICE.read_bytes())
    refused = server.call(GENDER, tagged)
    assert refused.returncode == 1
    assert b"INVALID_ARGUMENT" in refused.stderr
    assert server.told(GENDER, DEMO)["results"]


@pytest.mark.parametrize("client", [AGE, DIARIZATION])
def test_what_is_not_there_yet(server: Server, client: str) -> None:
    """The client is told that, and by which name."""
    refused = server.call(client, DEMO)
    assert refused.returncode != 0
    assert b"UNIMPLEMENTED" in refused.stderr


@RAW
def test_voice_activity(server: Server, raw: tuple[str, ...]) -> None:
    """Segments of speech in order, whose lengths add up to the speech."""
    answer = server.told(ACTIVITY, *raw, DEMO)
    times = [(seconds(segment["start_time"]), seconds(segment["end_time"])) for segment in answer["segments"]]
    assert {segment["type"] for segment in answer["segments"]} == {"VOICE"}
    assert times == sorted(times)
    assert sum(end - start for start, end in times) == pytest.approx(seconds(answer["speech_length"]), abs=1e-6)
    assert 3 < seconds(answer["speech_length"]) < seconds(answer["processed_audio_length"]) < 5.6


def test_voice_activity_of_a_range(server: Server) -> None:
    """Segments lie within the range, and are told from the beginning of the recording."""
    answer = server.told(ACTIVITY, "--time-range", "2:4", DEMO)
    times = [(seconds(segment["start_time"]), seconds(segment["end_time"])) for segment in answer["segments"]]
    assert times
    assert min(times)[0] >= 2
    assert max(times)[1] <= 4.001
    assert seconds(answer["processed_audio_length"]) == pytest.approx(2, abs=0.04)
