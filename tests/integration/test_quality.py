"""The quality of recordings as the service tells it."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from schemas import json, quality, voiceprint
from tests.conftest import EXTRACTION, RECORDINGS, Appliance, ended

DEMO = RECORDINGS / "demo.flac"


def extracted(client: httpx.Client, content: bytes, **query: object) -> list[dict[str, Any]]:
    submitted = client.post(EXTRACTION, files={"file": content}, params=query)  # type: ignore[arg-type]
    body: Any = ended(client, submitted.headers["Location"])
    assert body["task"]["state"] == "done", body
    channels: list[dict[str, Any]] = body["result"]["channels"]
    return channels


def wav(samples: np.ndarray[Any, Any], rate: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def test_quality_is_part_of_every_channel(client: httpx.Client) -> None:
    """A call of 8 kHz: both channels are good, and named a telephone's."""
    for channel in extracted(client, (RECORDINGS / "call.flac").read_bytes()):
        found = channel["quality"]
        assert (found["verdict"], found["reasons"], found["band"]) == ("good", [], "telephone")
        assert found["speech_seconds"] == channel["speech_length"]
        assert (found["clipping_share"], found["bandwidth_hertz"]) == (0, pytest.approx(3900, abs=200))
        assert -25 < found["level_dbfs"] < -15
        assert 20 < found["snr_db"] <= 60


def test_the_container_holds_the_figures(client: httpx.Client) -> None:
    """What is shown is what the voiceprint carries, rounded."""
    (channel,) = extracted(client, DEMO.read_bytes())
    held = quality.unpack(voiceprint.decode(voiceprint.from_base64(channel["voiceprint"])).quality)
    assert held is not None
    assert held.snr == pytest.approx(channel["quality"]["snr_db"], abs=0.05)
    assert held.level == pytest.approx(channel["quality"]["level_dbfs"], abs=0.05)
    assert held.bandwidth == channel["quality"]["bandwidth_hertz"]


def test_a_bad_recording_and_why(client: httpx.Client) -> None:
    """Clipped speech is usable and noisy speech poor, and the reasons name their figure and their threshold."""
    samples, _ = soundfile.read(DEMO)
    limit = np.quantile(np.abs(samples), 0.9)
    clipped = np.clip(samples, -limit, limit)
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(samples))
    (loud,) = extracted(client, wav(clipped))
    (noisy,) = extracted(client, wav(0.3 * (samples / np.abs(samples).max() + noise)))
    assert (loud["quality"]["verdict"], noisy["quality"]["verdict"]) == ("usable", "poor")
    assert loud["quality"]["reasons"][0].endswith("% of the speech is clipped, more than 3 %")
    assert noisy["quality"]["reasons"][0].endswith("dB above the noise, less than 10 dB")


def test_no_speech_is_no_error(client: httpx.Client) -> None:
    """Nothing is measured where nobody speaks, and the task is done."""
    (channel,) = extracted(client, wav(np.zeros(16_000)))
    assert channel["quality"] == {
        "verdict": "poor",
        "reasons": ["there is no speech"],
        "speech_seconds": 0.0,
        "clipping_share": None,
        "level_dbfs": None,
        "snr_db": None,
        "bandwidth_hertz": None,
        "band": None,
    }


def test_the_command_line_tells_the_same(client: httpx.Client) -> None:
    """`voiceprint extract` prints the quality that the service answers with."""
    (channel,) = extracted(client, DEMO.read_bytes())
    command = [Path(sys.executable).with_name("voiceprint"), "extract", DEMO, "-"]
    printed = json.decode(subprocess.run(command, capture_output=True, check=True).stdout)
    assert printed["channels"][0]["quality"] == channel["quality"]


def test_thresholds_are_those_of_the_settings(start_appliance: Callable[..., Appliance]) -> None:
    """An operator who asks for a minute of speech has the same recording called poor, and still gets its voiceprint."""
    with start_appliance(quality_minimum_speech=(60.0, 30.0)).client() as client:
        (channel,) = extracted(client, DEMO.read_bytes())
    assert channel["quality"]["verdict"] == "poor"
    assert channel["quality"]["reasons"] == ["4.93 s of speech, less than 30 s"]
    assert voiceprint.decode(voiceprint.from_base64(channel["voiceprint"])).has_speech
