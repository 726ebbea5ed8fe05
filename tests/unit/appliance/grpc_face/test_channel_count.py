"""The number of channels, by the first bytes of a recording."""

import io

import numpy as np
import pytest
import soundfile

from appliance.grpc_face.channel_count import HEAD_BYTES, channels
from tests.conftest import RECORDINGS


@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("WAVEX", "PCM_24"), ("RF64", "FLOAT"), ("FLAC", None)]
)
def test_headers_tell(kind: str, subtype: str | None, count: int) -> None:
    """As those who write such files mean it."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros((1000, count)), 16_000, format=kind, subtype=subtype)
    assert channels(file.getvalue()[:HEAD_BYTES]) == count


@pytest.mark.parametrize("name", ["mpeg.mp3", "vorbis.ogg", "aac.m4a"])
def test_other_kinds_do_not(name: str) -> None:
    """Their decoders know."""
    assert channels((RECORDINGS / name).read_bytes()[:HEAD_BYTES]) is None


def test_a_header_may_be_cut_anywhere() -> None:
    """Too little is no answer, and no fault either."""
    for name in ("call.flac", "ulaw-8k.wav"):
        head = (RECORDINGS / name).read_bytes()[:HEAD_BYTES]
        found = [channels(head[:length]) for length in range(100)]
        assert set(found) <= {None, channels(head)}
        assert found[0] is None


def test_chunks_that_lie_lead_nowhere() -> None:
    """A chunk longer than the file ends the search."""
    assert channels(b"RIFF\xff\xff\xff\xffWAVEJUNK\xff\xff\xff\xff" + bytes(100)) is None
