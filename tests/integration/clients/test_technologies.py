"""Everything the appliance can be asked, through the Python client."""

import dataclasses
import inspect
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas import voiceprint
from tests.conftest import RECORDINGS, Appliance
from tests.integration.clients.conftest import Say
from voiceprint_client import Client, ask, errors

DEMO = RECORDINGS / "demo.flac"
SAME, OTHER = RECORDINGS / "mpeg.mp3", RECORDINGS / "stranger.flac"


def silence() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(16000), 16000, format="WAV")
    return buffer.getvalue()


def test_a_recording_becomes_a_voiceprint(say: Say, appliance: Appliance) -> None:
    """Its vector is the container's bit for bit, and its quality is told."""
    (channel,) = say(appliance.url, "extract", DEMO).channels
    found = voiceprint.decode(voiceprint.from_base64(channel.voiceprint))
    assert np.array_equal(np.asarray(channel.vector_voiceprint), found.vector)
    assert (channel.channel_number, channel.model, channel.speech_length) == (0, "ge2e", found.speech_length)
    assert channel.quality.verdict == "good"


def test_from_wherever_it_comes(say: Say, appliance: Appliance) -> None:
    """A path, bytes and an open file give the same voiceprint."""
    with DEMO.open("rb") as file:
        found = [say(appliance.url, "extract", source) for source in (str(DEMO), DEMO.read_bytes(), file)]
    first, *others = (one.channels[0].vector_voiceprint for one in found)
    assert others == [first, first]


def test_parameters_arrive(say: Say, appliance: Appliance) -> None:
    """The appliance does as it is told: a range, a cap, channels, and no vector where none is wanted."""
    told = {"range_from": 1.0, "range_to": 3.0, "channels": [0], "include_vector_voiceprint": False}
    (channel,) = say(appliance.url, "extract", DEMO, **told).channels
    assert channel.processed_audio_length == 2.0
    assert channel.vector_voiceprint is None


def test_silence_has_an_empty_vector(say: Say, appliance: Appliance) -> None:
    """No speech is no error: the vector is empty and what could not be measured is None."""
    (channel,) = say(appliance.url, "extract", silence()).channels
    assert len(channel.vector_voiceprint) == 0
    assert channel.quality.snr_db is None


def test_voiceprints_are_converted_compared_and_merged(say: Say, appliance: Appliance) -> None:
    """Vectors come back as they were, scores belong to their pairs, and voiceprints, vectors and bytes are alike."""
    one, same, other = (say(appliance.url, "extract", path).channels[0] for path in (DEMO, SAME, OTHER))
    converted = say(appliance.url, "convert", [one.voiceprint, voiceprint.from_base64(other.voiceprint)])
    assert list(converted.vector_voiceprints) == [one.vector_voiceprint, other.vector_voiceprint]

    scores = say(appliance.url, "compare", [same.voiceprint, other.voiceprint], one.voiceprint).scores
    assert (scores.columns_count, scores.rows_count) == (2, 1)
    assert scores.of(a=0) > 2
    assert scores.of(a=1) < 0
    bare = say(appliance.url, "compare", [same.vector_voiceprint], np.array([one.vector_voiceprint]), model="ge2e")
    assert bare.scores.of() > 2

    merged = say(appliance.url, "merge", (part.voiceprint for part in (one, same)))
    assert merged.speech_length == one.speech_length + same.speech_length


def test_gender_is_told(say: Say, appliance: Appliance) -> None:
    """Of a recording and of its voiceprint, the same; of silence, nothing."""
    (channel,) = say(appliance.url, "gender", DEMO).channels
    text = say(appliance.url, "extract", DEMO).channels[0].voiceprint
    (told,) = say(appliance.url, "gender_of_voiceprints", text).results
    assert told.score_male == channel.score_male
    assert say(appliance.url, "gender", silence()).channels[0].score_female is None


def test_speech_is_found(say: Say, appliance: Appliance) -> None:
    """Segments add up to the speech that was found."""
    (channel,) = say(appliance.url, "voice_activity", DEMO).channels
    assert sum(one.end_time - one.start_time for one in channel.segments) == pytest.approx(channel.speech_length)


def test_what_is_not_there_is_told(say: Say, appliance: Appliance) -> None:
    """Who speaks when, and ages without a head, are Unavailable."""
    for name, content in (("diarize", DEMO), ("age", DEMO), ("age_of_voiceprints", ["AAAA"])):
        with pytest.raises(errors.Unavailable):
            say(appliance.url, name, content)


def test_the_appliance_tells_of_itself(say: Say, appliance: Appliance) -> None:
    """Version, models and how busy it is."""
    assert "speaker-diarization" in say(appliance.url, "info").technologies
    assert [(model.name, model.dimension) for model in say(appliance.url, "models")] == [("ge2e", 256)]
    assert say(appliance.url, "status").status == "ready"


def test_a_damaged_recording_is_rejected(say: Say, appliance: Appliance) -> None:
    """The error says what is wrong and names the task."""
    with pytest.raises(errors.TaskRejected) as ended:
        say(appliance.url, "extract", DEMO.read_bytes()[:5000])
    assert ended.value.detail[0].type == "media.damaged"
    assert ended.value.type == "task.validation-error"
    assert ended.value.task_id


def test_a_refused_parameter_is_told(say: Say, appliance: Appliance) -> None:
    """What is wrong, and where."""
    with pytest.raises(errors.ValidationError) as refused:
        say(appliance.url, "extract", DEMO, channel_mode="both")
    assert refused.value.detail[0].location == ("query", "channel_mode")
    assert (refused.value.status, bool(refused.value.request_id)) == (422, True)


def test_an_ignored_parameter_is_told(say: Say, appliance: Appliance) -> None:
    """What an older appliance does not know is a warning: it has done something else than it was asked for."""
    request = dataclasses.replace(ask.voice_activity(DEMO), parameters={"colour": "red"})
    with pytest.warns(UserWarning, match="colour"):
        assert say(appliance.url, "run", request).channels


def test_a_missing_recording_is_an_os_error(say: Say, appliance: Appliance, tmp_path: Path) -> None:
    """Files are not the appliance's affair."""
    with pytest.raises(FileNotFoundError):
        say(appliance.url, "extract", tmp_path / "none.wav")


def test_help_shows_what_may_be_said() -> None:
    """A method's signature is that of the request it makes."""
    assert list(inspect.signature(Client.extract).parameters) == [
        "self",
        "recording",
        "include_vector_voiceprint",
        "listening",
    ]
