"""Both clients that extract: encoded and raw audio, a part of a recording, a cap, the vector."""

import base64
from pathlib import Path

import pytest

from schemas import voiceprint as container
from tests.conformance.conftest import DEMO, SAME_VOICE, Server

EXTRACTORS = ["speaker_identification_client extract", "voiceprint_extraction_client"]
pytestmark = pytest.mark.parametrize("client", EXTRACTORS)


def seconds(duration: str) -> float:
    """A protobuf Duration as JSON writes it."""
    return float(duration.removesuffix("s"))


@pytest.mark.parametrize("raw", [(), ("--use-raw-audio",)], ids=["encoded", "raw"])
def test_a_voiceprint_with_its_vector(server: Server, client: str, raw: tuple[str, ...]) -> None:
    """The answer holds the voiceprint, its vector value for value, and both lengths."""
    answer = server.told(client, "--enable-vector-voiceprint", *raw, DEMO)
    result = answer["result"]
    found = container.decode(base64.b64decode(result["voiceprint"]["content"]))
    assert result["vector_voiceprint"]["values"] == pytest.approx(found.vector.tolist(), abs=1e-6)
    assert seconds(result["speech_length"]) == pytest.approx(found.speech_length)
    assert 3 < found.speech_length < seconds(answer["processed_audio_length"])
    assert seconds(answer["processed_audio_length"]) == pytest.approx(5.495, abs=0.01)


def test_raw_audio_gives_the_vector_of_the_file(server: Server, client: str) -> None:
    """The recording has 16 bits, so nothing is lost on the way."""
    encoded, raw = (
        server.told(client, "--enable-vector-voiceprint", *words, DEMO)["result"]["vector_voiceprint"]["values"]
        for words in ((), ("--use-raw-audio",))
    )
    assert raw == encoded


def test_binary_output_is_the_container(server: Server, client: str, tmp_path: Path) -> None:
    """A file that the client writes is a voiceprint as REST shows it in Base64; without being asked for, no vector."""
    file = tmp_path / "demo.vp"
    server.output(client, "--out-format", "binary", "--output", file, DEMO)
    found = container.decode(file.read_bytes())
    assert (found.model, len(found.vector)) == ("ge2e", 256)
    assert server.told(client, DEMO)["result"].get("vector_voiceprint", {}).get("values", []) == []


@pytest.mark.parametrize("raw", [(), ("--use-raw-audio",)], ids=["encoded", "raw"])
@pytest.mark.parametrize(("given", "length"), [("1:3", 2.0), (":2.5", 2.5), ("1.5:", 3.995)])
def test_a_time_range(server: Server, client: str, raw: tuple[str, ...], given: str, length: float) -> None:
    """Only the part that was asked for is listened to."""
    answer = server.told(client, "--time-range", given, *raw, DEMO)
    assert seconds(answer["processed_audio_length"]) == pytest.approx(length, abs=0.04)
    assert 0 < seconds(answer["result"]["speech_length"]) <= length


@pytest.mark.parametrize("raw", [(), ("--use-raw-audio",)], ids=["encoded", "raw"])
def test_a_cap_on_speech(server: Server, client: str, raw: tuple[str, ...]) -> None:
    """No more speech than that is used."""
    answer = server.told(client, "--speech-length", "1.5", *raw, DEMO)
    assert seconds(answer["result"]["speech_length"]) == pytest.approx(1.5)


def test_a_file_that_is_no_recording(server: Server, client: str, tmp_path: Path) -> None:
    """The client ends with the reason, and the next one is served."""
    file = tmp_path / "notes.wav"
    file.write_text("no sound at all")
    refused = server.call(client, file)
    assert refused.returncode == 1
    assert b"INVALID_ARGUMENT" in refused.stderr
    assert server.told(client, DEMO)["result"]["voiceprint"]["content"]


def test_another_kind_of_recording(server: Server, client: str) -> None:
    """What REST decodes, gRPC decodes."""
    assert seconds(server.told(client, SAME_VOICE)["result"]["speech_length"]) > 3
