"""Files that are no recordings, recordings that lie: accepted as uploads, rejected as tasks."""

import io
import struct
import tempfile
import zipfile
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from schemas import voiceprint
from tests.conftest import EXTRACTION, RECORDINGS, ended

NOISE = np.random.default_rng(0).normal(0, 0.1, 16_000)


def submit(client: httpx.Client, content: bytes, name: str = "a.wav", **query: object) -> dict[str, Any]:
    answer = client.post(EXTRACTION, files={"file": (name, content)}, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 202, answer.text
    return ended(client, answer.headers["Location"])


def encoded(samples: npt.ArrayLike, rate: int = 16_000, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.asarray(samples), rate, subtype, format=kind)
    return buffer.getvalue()


def wav(sound: bytes, *, rate: int = 16_000, channels: int = 1, promised: int | None = None, bits: int = 16) -> bytes:
    """A PCM WAV file whose header says what the test wants."""
    frame = channels * bits // 8
    fields = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * frame & 0xFFFFFFFF, frame & 0xFFFF, bits)
    length = len(sound) if promised is None else promised
    return (
        b"RIFF"
        + struct.pack("<I", length + 36 & 0xFFFFFFFF)
        + b"WAVEfmt "
        + fields
        + struct.pack("<4sI", b"data", length)
        + sound
    )


def lying_flac(rate: int = 16_000, channels: int = 1, samples: int = (1 << 36) - 1) -> bytes:
    """A FLAC header that promises more than there is, and nothing behind it."""
    bits = rate << 44 | (channels - 1) << 41 | 15 << 36 | samples
    return (
        b"fLaC" + b"\x80\x00\x00\x22" + struct.pack(">HH", 4096, 4096) + bytes(6) + bits.to_bytes(8, "big") + bytes(16)
    )


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.wav", wav(bytes(1000)))
    return buffer.getvalue()


PCM = wav((NOISE * 32767).astype("<i2").tobytes())
FLAC = encoded(NOISE, kind="FLAC")
NAN, INFINITE = (encoded([*NOISE, value, *NOISE], subtype="FLOAT") for value in (np.nan, np.inf))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"this is text, not audio", "text", id="text"),
        pytest.param("dies ist kein Ton, sondern Käse".encode(), "text", id="utf-8"),
        pytest.param(b"<!DOCTYPE html><html></html>", "text", id="html"),
        pytest.param(b'{"voiceprints": []}', "text", id="json"),
        pytest.param(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF", id="pdf"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG", id="png"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), "JPEG", id="jpeg"),
        pytest.param(zipped(), "ZIP", id="zip"),
        pytest.param(b"\x1f\x8b\x08" + bytes(100), "gzip", id="gzip"),
        pytest.param(b"\x7fELF" + bytes(100), "program", id="elf"),
        pytest.param(b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(100), "AVI", id="avi"),
        pytest.param(b"FORM\0\0\0\0AIFFCOMM" + bytes(100), "AIFF", id="aiff"),
        pytest.param(bytes(10_000), "not a recording", id="zeros"),
        pytest.param(np.random.default_rng(1).bytes(10_000), "", id="random bytes that begin like MP3"),
        pytest.param(np.random.default_rng(2).bytes(10_000), "not a recording", id="random bytes"),
        pytest.param(b"\0", "not a recording", id="one byte"),
        pytest.param(b"RIFF", "not a recording", id="four bytes of a WAV"),
    ],
)
def test_what_is_no_recording_is_named(client: httpx.Client, content: bytes, said: str) -> None:
    """The task is rejected, and says what the file is as far as that is known."""
    assert_rejected(submit(client, content), said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(PCM[:-10_000], "truncated", id="truncated WAV"),
        pytest.param(PCM[:44], "truncated", id="WAV header alone"),
        pytest.param(PCM[:20], "", id="half a WAV header"),
        pytest.param(wav(bytes(3200), promised=4_000_000_000), "", id="WAV promises gigabytes"),
        pytest.param(lying_flac(), "", id="FLAC promises days"),
        pytest.param(lying_flac(samples=16_000), "", id="FLAC header alone"),
        pytest.param(FLAC[: len(FLAC) // 2], "", id="truncated FLAC"),
        pytest.param(FLAC[:5000] + bytes(2000) + FLAC[7000:], "", id="damaged FLAC"),
        pytest.param((RECORDINGS / "vorbis.ogg").read_bytes()[:600], "", id="Ogg without sound"),
        pytest.param(b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(1000), "", id="ID3 tag without end"),
        pytest.param(b"\xff\xfb\x90\x44" + bytes(5000), "", id="MP3 frame of nothing"),
        pytest.param(b"\0\0\0\x20ftypM4A " + bytes(1000), "", id="MP4 of nothing"),
        pytest.param((RECORDINGS / "aac.m4a").read_bytes()[:2000], "", id="truncated M4A"),
        pytest.param(b"\x1a\x45\xdf\xa3" + bytes(1000), "", id="Matroska of nothing"),
        pytest.param(NAN, "infinite or not numbers", id="NaN"),
        pytest.param(INFINITE, "infinite or not numbers", id="infinity"),
        pytest.param(wav(bytes(20_000), channels=100), "100 channels", id="100 channels"),
        pytest.param(wav(bytes(20_000), channels=0), "", id="0 channels"),
        pytest.param(wav(bytes(20_000), rate=1), "1 Hz", id="1 Hz"),
        pytest.param(wav(bytes(20_000), rate=0), "", id="0 Hz"),
        pytest.param(encoded(NOISE, rate=655_350, kind="FLAC"), "655350 Hz", id="655,350 Hz"),
        pytest.param(encoded(NOISE, subtype="IMA_ADPCM"), "ADPCM", id="IMA ADPCM"),
        pytest.param(encoded(NOISE, subtype="MS_ADPCM"), "ADPCM", id="Microsoft ADPCM"),
    ],
)
def test_a_recording_that_lies_is_rejected(client: httpx.Client, content: bytes, said: str) -> None:
    """Damaged, truncated, out of range or not finite: the task is rejected, and nothing was allocated on its word."""
    assert_rejected(submit(client, content), said)


def test_a_channel_that_is_not_there_is_named(client: httpx.Client) -> None:
    """Channel 7 of a mono recording is a fault of the request that only the task can see."""
    assert_rejected(submit(client, PCM, channels="7"), "channel 7")
    assert_rejected(submit(client, PCM, channels="0,7", channel_mode="mix"), "channel 7")


def test_the_name_of_a_file_means_nothing(client: httpx.Client) -> None:
    """A recording is known by its content, and a hostile name is a name."""
    for name in ("a.txt", "../../../../tmp/escaped.wav", "/etc/passwd", "a\\b\0c.wav", "x" * 5000):
        assert submit(client, PCM, name)["task"]["state"] == "done"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(encoded(np.zeros(16_000)), id="silence"),
        pytest.param(encoded(np.full(16_000, 0.5)), id="a constant"),
        pytest.param(encoded(NOISE[:800]), id="a twentieth of a second"),
        pytest.param(encoded(NOISE[:1]), id="one sample"),
        pytest.param(wav(b""), id="no samples"),
    ],
)
def test_without_speech_there_is_a_voiceprint_without_a_vector(client: httpx.Client, content: bytes) -> None:
    """Silence and a twentieth of a second are no errors: done, speech length 0, an empty vector."""
    body = submit(client, content, include_vector_voiceprint=True)
    assert body["task"]["state"] == "done"
    (channel,) = body["result"]["channels"]
    assert channel["speech_length"] == 0
    assert channel["vector_voiceprint"] == []
    found = voiceprint.decode(voiceprint.from_base64(channel["voiceprint"]))
    assert not found.has_speech
    assert not found.spoken_vector.size


def assert_rejected(body: dict[str, Any], said: str) -> None:
    assert set(body) == {"task", "error"}
    assert body["task"]["state"] == "rejected", body
    assert set(body["error"]) == {"type", "message", "detail"}
    assert body["error"]["type"] == "task.validation-error"
    assert said in body["error"]["message"]
    # Nothing of this machine.
    assert tempfile.gettempdir() not in body["error"]["message"]
    assert body["task"]["task_id"] not in body["error"]["message"]
