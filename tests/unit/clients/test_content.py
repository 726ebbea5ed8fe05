"""What the Python client sends."""

import io
import os
import threading
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest

from voiceprint_client import ask
from voiceprint_client.content import Document, Recording, Source

AUDIO = os.urandom(700_000)


def sent(recording: Recording) -> tuple[bytes, str]:
    """The part that a form parser finds, and its file name."""
    recording.prepare()
    with recording.opened() as body:
        content = b"".join(body.blocks)
    assert len(content) == body.length
    found = message_from_bytes(f"Content-Type: {body.content_type}\r\n\r\n".encode() + content)
    _, part = found.walk()
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload, str(part.get_filename())


def written(folder: Path) -> Path:
    path = folder / "private name.flac"
    path.write_bytes(AUDIO)
    return path


SOURCES: dict[str, Callable[[Path], Source]] = {
    "path": written,
    "text": lambda folder: str(written(folder)),
    "bytes": lambda _: AUDIO,
    "bytearray": lambda _: bytearray(AUDIO),
    "memoryview": lambda _: memoryview(AUDIO),
    "file": lambda folder: written(folder).open("rb"),
    "memory": lambda _: io.BytesIO(AUDIO),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_every_source_is_sent_as_often_as_needed(tmp_path: Path, make: Callable[[Path], Source]) -> None:
    """Paths, bytes and files are sent whole, a second time as well, and files stay open."""
    source = make(tmp_path)
    recording = Recording(source)
    assert sent(recording)[0] == sent(recording)[0] == AUDIO
    if isinstance(source, io.IOBase):
        assert not source.closed
        source.close()


def test_a_file_is_sent_from_where_it_stands() -> None:
    """What stands before is not of the recording."""
    file = io.BytesIO(b"head" + AUDIO)
    file.seek(4)
    recording = Recording(file)
    assert sent(recording)[0] == sent(recording)[0] == AUDIO


def test_a_pipe_is_sent_twice() -> None:
    """What cannot be rewound is kept."""
    there, here = os.pipe()
    os.write(here, b"audio")
    os.close(here)
    with os.fdopen(there, "rb") as file:
        recording = Recording(file)
        assert sent(recording)[0] == sent(recording)[0] == b"audio"


def test_a_named_pipe_is_sent_twice(tmp_path: Path) -> None:
    """It is read whole as well, by its path."""
    os.mkfifo(tmp_path / "call.wav")
    writer = threading.Thread(target=(tmp_path / "call.wav").write_bytes, args=(b"audio",))
    writer.start()
    recording = Recording(tmp_path / "call.wav")
    assert sent(recording) == sent(recording) == (b"audio", "recording.wav")
    writer.join()


def test_a_name_is_not_sent(tmp_path: Path) -> None:
    """Only what a file's name ends with leaves the machine, and only when it is an ending."""
    assert sent(Recording(written(tmp_path)))[1] == "recording.flac"
    odd = tmp_path / 'a."\r\nb'
    odd.write_bytes(b"")
    assert sent(Recording(odd))[1] == "recording"


def test_a_recording_that_becomes_shorter_is_told(tmp_path: Path) -> None:
    """What was announced cannot be sent: an OSError, and no half recording."""
    path = tmp_path / "call.wav"
    path.write_bytes(AUDIO)
    with Recording(path).opened() as body:
        next(body.blocks)
        os.truncate(path, 1)
        with pytest.raises(OSError, match="shorter"):
            list(body.blocks)


@pytest.mark.parametrize("source", [3, io.StringIO("text"), None])
def test_what_is_no_source_is_told_at_once(source: object) -> None:
    """It is a TypeError before anything is sent."""
    with pytest.raises(TypeError):
        Recording(source)  # type: ignore[arg-type]


def test_a_document_without_numbers_is_not_sent() -> None:
    """NaN is no JSON."""
    with pytest.raises(ValueError, match="JSON"), Document({"a": float("nan")}).opened():
        pass


def test_parameters_are_written_as_the_contract_has_them() -> None:
    """Flags and lists in its spelling, and nothing of what was not said."""
    request = ask.extract(b"", channels=(0, 2), range_from=0.5, range_to=None, include_vector_voiceprint=False)
    assert request.parameters == {"channels": "0,2", "range_from": "0.5", "include_vector_voiceprint": "false"}
