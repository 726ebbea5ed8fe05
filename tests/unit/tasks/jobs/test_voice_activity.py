"""Voice activity as it is shown."""

from pathlib import Path

import numpy as np
import soundfile

from tests.conftest import RECORDINGS
from tests.unit.tasks.jobs.conftest import Run

VOICE_ACTIVITY, EXTRACTION = "voice-activity-detection", "speaker-identification-voiceprint-extraction"


def test_as_the_contract_has_it(run: Run) -> None:
    """A channel has its number, its net speech, what was listened to and segments of voice, in float seconds."""
    (channel,) = run(VOICE_ACTIVITY, RECORDINGS / "demo.flac")["channels"]
    assert channel == {
        "channel_number": 0,
        "speech_length": 4.928,
        "processed_audio_length": 5.4948125,
        "segments": [
            {"segment_type": "voice", "start_time": 0.032, "end_time": 1.664},
            {"segment_type": "voice", "start_time": 1.952, "end_time": 5.248},
        ],
    }


def test_it_agrees_with_the_extraction(run: Run) -> None:
    """The net speech is, digit by digit, that of the extraction, for the whole and for a range."""
    for part in ({}, {"range_from": 1.1, "range_to": 4.3}):
        found, extracted = (
            run(name, RECORDINGS / "call.flac", **part)["channels"] for name in (VOICE_ACTIVITY, EXTRACTION)
        )
        for key in ("channel_number", "speech_length", "processed_audio_length"):
            assert [channel[key] for channel in found] == [channel[key] for channel in extracted]


def test_a_silent_recording(run: Run, tmp_path: Path) -> None:
    """Silence has no segments and is no error."""
    soundfile.write(tmp_path / "silence.wav", np.zeros((16_000, 2)), 16_000)
    assert run(VOICE_ACTIVITY, tmp_path / "silence.wav", channel_mode="mix")["channels"] == [
        {"channel_number": 0, "speech_length": 0.0, "processed_audio_length": 1.0, "segments": []}
    ]


def test_what_it_does_not_take(run: Run) -> None:
    """A cap of speech and a model mean nothing here: they are ignored like any unknown key."""
    shown = run(VOICE_ACTIVITY, RECORDINGS / "demo.flac", max_speech_length=1.0, model="another")
    assert shown == run(VOICE_ACTIVITY, RECORDINGS / "demo.flac")
