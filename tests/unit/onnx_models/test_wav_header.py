"""What a WAV header promises."""

import io
import struct

import pytest

from onnx_models.wav_header import DataChunk, read_data_chunk

RATE = 8000
FMT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)


def chunk_of(riff: bytes, riff_bytes: int, *chunks: bytes) -> DataChunk | None:
    content = struct.pack("<4sI4s", riff, riff_bytes, b"WAVE") + b"".join(chunks)
    return read_data_chunk(io.BytesIO(content), len(content))


def data(said: int, held: int) -> bytes:
    return struct.pack("<4sI", b"data", said) + bytes(held)


@pytest.mark.parametrize(("said", "truncated"), [(400, False), (300, False), (401, True), (1 << 31, True)])
def test_promise_against_content(said: int, truncated: bool) -> None:
    """A header that promises more bytes than there are is a lie; one that promises fewer is not."""
    found = chunk_of(b"RIFF", said + 36, FMT, data(said, 400))
    assert found is not None
    assert found.truncated is truncated
    assert found.bytes_per_second == 2 * RATE


@pytest.mark.parametrize(
    ("riff_bytes", "said"), [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000), (0x7FFFF022, 0x7FFFEFFE)]
)
def test_written_to_a_pipe(riff_bytes: int, said: int) -> None:
    """The lengths that FFmpeg and SoX write into a pipe promise nothing."""
    found = chunk_of(b"RIFF", riff_bytes, FMT, data(said, 400))
    assert found == DataChunk(400, 400, 2 * RATE)


def test_one_unknown_length_is_no_pipe() -> None:
    """All ones in the data chunk alone are a promise like any other."""
    found = chunk_of(b"RIFF", 436, FMT, data(0xFFFFFFFF, 400))
    assert found is not None
    assert found.truncated


@pytest.mark.parametrize("riff_bytes", [0, 36, 436])
def test_writer_that_never_came_back(riff_bytes: int) -> None:
    """Sound behind a length of 0 makes the file an unfinished one."""
    found = chunk_of(b"RIFF", riff_bytes, FMT, data(0, 400))
    assert found is not None
    assert found.unfinished
    assert found.found == 400


@pytest.mark.parametrize("behind", [b"", b"\0", struct.pack("<4sI", b"LIST", 4) + b"INFO"])
def test_no_sound_at_all(behind: bytes) -> None:
    """A length of 0 with nothing behind it, or another chunk, is an empty recording."""
    assert chunk_of(b"RIFF", 36 + len(behind), FMT, data(0, 0), behind) == DataChunk(0, 0, 2 * RATE)


@pytest.mark.parametrize(("said", "truncated"), [(400, False), (1 << 33, True)])
def test_long_lengths(said: int, truncated: bool) -> None:
    """RF64 says its lengths in 64 bits in a chunk of their own."""
    long_lengths = struct.pack("<4sIQQQI", b"ds64", 28, said + 72, said, said // 2, 0)
    found = chunk_of(b"RF64", 0xFFFFFFFF, long_lengths, FMT, data(0xFFFFFFFF, 400))
    assert found is not None
    assert found.truncated is truncated


def test_other_chunks_are_passed_over() -> None:
    """Chunks before the sound, odd ones with their padding, do not hide it."""
    found = chunk_of(b"RIFF", 1000, struct.pack("<4sI", b"LIST", 3) + b"abc\0", FMT, data(400, 400))
    assert found == DataChunk(400, 400, 2 * RATE)


@pytest.mark.parametrize("content", [b"", FMT, struct.pack("<4sI", b"junk", 0) * 5000])
def test_no_sound_chunk(content: bytes) -> None:
    """A header without a sound chunk says nothing, however long it goes on."""
    assert chunk_of(b"RIFF", 1000, content) is None
