"""Mutations that know a format: its parts are moved and its fields lie, so that the decoder reads on behind them."""

import random
import struct
from dataclasses import replace

from tests.fuzz import damage, ogg

_RATES = (0, 1, 3999, 4000, 8000, 44_100, 192_000, 192_001, 655_350, 1 << 31, (1 << 32) - 1)
_CHANNELS = (0, 1, 2, 8, 9, 100, 255, 65_535)
_FORMAT_TAGS = (0, 1, 2, 3, 6, 7, 0x11, 0x31, 0x50, 0x55, 0x161, 0xFFFE, 0xFFFF)
_FLOATS = (float("nan"), float("inf"), float("-inf"), 3.4e38, -3.4e38, 1e-42, 0.0, 2.0**31, 1e30)
_STREAMINFO = slice(18, 26)


def riff_fields(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    """The chunk `fmt ` says something else."""
    at = content.find(b"fmt ") + 8
    if at < 8 or len(content) < at + 16:
        return content
    tag, channels, rate, per_second, per_frame, bits = struct.unpack_from("<HHIIHH", content, at)
    match chance.randrange(5):
        case 0:
            tag = chance.choice(_FORMAT_TAGS)
        case 1:
            channels = chance.choice(_CHANNELS)
            per_frame = channels * bits // 8 & 0xFFFF if chance.random() < 0.5 else per_frame
        case 2:
            rate = chance.choice(_RATES)
        case 3:
            per_second, per_frame = chance.choice(_RATES), chance.choice(_CHANNELS)
        case _:
            bits = chance.choice((0, 1, 7, 8, 12, 16, 24, 32, 64, 255, 65_535))
    return content[:at] + struct.pack("<HHIIHH", tag, channels, rate, per_second, per_frame, bits) + content[at + 16 :]


def riff_chunks(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    """Chunks are removed, repeated, shuffled, or have another length than they say."""
    chunks, offset = [], 12
    while offset + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, offset)
        chunks.append((name, size, content[offset + 8 : offset + 8 + size]))
        offset += 8 + size + size % 2
    if not content.startswith((b"RIFF", b"RF64")) or not chunks:
        return content
    place = chance.randrange(len(chunks))
    name, size, body = chunks[place]
    match chance.randrange(4):
        case 0:
            del chunks[place]
        case 1:
            chunks[place:place] = [chunks[place]] * chance.choice((1, 3, 500))
        case 2:
            chance.shuffle(chunks)
        case _:
            lied = chance.choice((0, 1, 3, size - 1, size + 1, 1 << 31, (1 << 32) - 1, (1 << 32) - 9)) & 0xFFFFFFFF
            chunks[place] = (name, lied, body)
    # An odd chunk is filled up to an even length.
    packed = (struct.pack("<4sI", name, size) + body + bytes(len(body) % 2) for name, size, body in chunks)
    return content[:12] + b"".join(packed)


def wild_floats(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    """Samples that are no numbers, infinite, or beyond all measure, where sound of four bytes a sample would be."""
    at = content.find(b"data") + 8
    changed = bytearray(content)
    for _ in range(chance.choice((1, 10, 1000))):
        place = at + 4 * chance.randrange(max(1, (len(content) - at) // 4))
        changed[place : place + 4] = struct.pack("<f", chance.choice(_FLOATS))
    return bytes(changed)


def flac_fields(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    """The sample rate, channels, bits or length of STREAMINFO."""
    if not content.startswith(b"fLaC") or len(content) < _STREAMINFO.stop:
        return content
    fields = int.from_bytes(content[_STREAMINFO], "big")
    rate, channels, bits, samples = fields >> 44, fields >> 41 & 7, fields >> 36 & 31, fields & (1 << 36) - 1
    match chance.randrange(4):
        case 0:
            rate = chance.choice((0, 1, 3999, 192_001, 655_350, (1 << 20) - 1))
        case 1:
            channels = chance.randrange(8)
        case 2:
            bits = chance.randrange(32)
        case _:
            samples = chance.choice((0, 1, samples - 1, samples + 1, 1 << 32, (1 << 36) - 1)) & (1 << 36) - 1
    lied = rate << 44 | channels << 41 | bits << 36 | samples
    return content[: _STREAMINFO.start] + lied.to_bytes(8, "big") + content[_STREAMINFO.stop :]


def ogg_pages(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """Pages are removed, repeated, shuffled or damaged, and every checksum is right."""
    if not content.startswith(b"OggS"):
        return content
    try:
        pages = ogg.pages(content)
    except struct.error:
        return content
    place = chance.randrange(len(pages))
    page = pages[place]
    match chance.randrange(7):
        case 0:
            del pages[place]
        case 1:
            pages[place:place] = [page] * chance.choice((1, 10, 200))
        case 2:
            chance.shuffle(pages)
        case 3:
            position = chance.choice((-1, 0, 1, 1 << 32, (1 << 63) - 1, -(1 << 63)))
            pages[place] = replace(page, position=position)
        case 4:
            pages[place] = replace(page, flags=chance.randrange(8), serial=chance.randrange(3))
        case 5:
            pages[place] = replace(page, laced=bytes(chance.choice((0, 1, 254, 255)) for _ in page.laced))
        case _:
            pages[place] = replace(page, body=chance.choice(damage.MUTATIONS)(chance, page.body or b"\0", other))
    return ogg.joined(pages)


def mp4_boxes(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    """A box, at any depth, is removed, repeated or lies about its length."""
    places = [
        at - 4
        for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"stts", b"stsc", b"stsz", b"stco", b"esds")
        if (at := content.find(name)) >= 4
    ]
    if b"ftyp" not in content[:12] or not places:
        return content
    at = chance.choice(places)
    size = int.from_bytes(content[at : at + 4], "big")
    match chance.randrange(4):
        case 0:
            return content[:at] + content[at + size :]
        case 1:
            return content[:at] + content[at : at + size] * chance.choice((2, 50)) + content[at + size :]
        case 2:
            lied = chance.choice((0, 1, 7, 8, size - 1, size + 1, 1 << 31, (1 << 32) - 1)) & 0xFFFFFFFF
            return content[:at] + lied.to_bytes(4, "big") + content[at + 4 :]
        case _:
            # Counts and tables of counts follow the name.
            return content[: at + 12] + chance.choice((b"\xff", b"\x7f", b"\0")) * 4 + content[at + 16 :]


MUTATIONS: tuple[damage.Mutation, ...] = (riff_fields, riff_chunks, wild_floats, flac_fields, ogg_pages, mp4_boxes)
