"""Files that no mutation would hit upon: headers without end, small files of much sound, magic words before noise."""

import io
import random
import struct
from collections.abc import Callable

import numpy as np
import soundfile

from tests.fuzz.seeds import seeds

_MAGIC = (
    b"RIFF\xff\xff\xff\xffWAVEfmt ",
    b"RF64\xff\xff\xff\xffWAVEds64",
    b"fLaC\x00\x00\x00\x22",
    b"OggS\x00\x02" + bytes(22) + b"\x01vorbis",
    b"OggS\x00\x02" + bytes(22) + b"OpusHead",
    b"\x00\x00\x00\x20ftypM4A ",
    b"#!AMR\n",
    b"#!AMR-WB\n",
    b"\x1a\x45\xdf\xa3",
    b"\xff\xf1\x50\x80",
    b"\xff\xfb\x90\x44",
    b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
)


def noise(chance: random.Random) -> bytes:
    """Random bytes, with or without a word that makes them look like a recording."""
    return chance.choice((b"", *_MAGIC)) + chance.randbytes(chance.choice((0, 1, 40, 400, 4000, 40_000)))


def endless_header(chance: random.Random) -> bytes:
    """A FLAC header of 132 bytes that promises up to 256 GiB of sound."""
    channels, samples = chance.choice((1, 2, 8)), chance.choice(((1 << 36) - 1, 1 << 35, 1 << 31))
    fields = chance.choice((4000, 16_000, 192_000)) << 44 | channels - 1 << 41 | 31 << 36 | samples
    info = struct.pack(">HH", 16, 65_535) + bytes(6) + fields.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80\x00\x00\x22" + info + chance.randbytes(90)


def flac_bomb(chance: random.Random) -> bytes:
    """An hour of silence in some kilobytes, whose header tells its length, or none."""
    buffer = io.BytesIO()
    rate = chance.choice((4000, 8000, 16_000))
    with soundfile.SoundFile(buffer, "w", rate, 1, "PCM_16", format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(60 * rate, np.int16))
    content = bytearray(buffer.getvalue())
    if chance.random() < 0.5:
        # The lower 36 bits of the 8 bytes from 18 on.
        content[21] &= 0xF0
        content[22:26] = bytes(4)
    return bytes(content)


def amr_bomb(chance: random.Random) -> bytes:
    """Frames of one byte, each of which is 20 ms of silence."""
    return chance.choice((b"#!AMR\n", b"#!AMR-WB\n")) + b"\x7c" * chance.choice((1000, 100_000))


def wav_of_a_hole(chance: random.Random) -> bytes:
    """Silence as long as the header says, in as many channels as it says."""
    rate, channels = chance.choice((4000, 192_000)), chance.choice((1, 8, 9))
    sound = bytes(chance.choice((1 << 10, 1 << 18, 1 << 20)))
    fields = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels, channels, 8)
    return (
        b"RIFF"
        + struct.pack("<I", len(sound) + 36)
        + b"WAVEfmt "
        + fields
        + struct.pack("<4sI", b"data", len(sound))
        + sound
    )


def one_frame_for_ever(chance: random.Random) -> bytes:
    """One piece of a recording, again and again."""
    content = chance.choice(list(seeds().values()))
    first = chance.randrange(len(content))
    return content[: first + 400] + content[first : first + 400] * chance.choice((10, 200))


IMPOSTORS: tuple[Callable[[random.Random], bytes], ...] = (
    noise,
    noise,
    noise,
    endless_header,
    flac_bomb,
    amr_bomb,
    wav_of_a_hole,
    one_frame_for_ever,
)
