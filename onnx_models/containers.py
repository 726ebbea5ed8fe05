"""What a file is, by its first bytes and never by its name."""

import re
from dataclasses import dataclass
from typing import Literal

from schemas.errors import MediaUnknown

# Enough for every magic below; text is judged by as much.
HEAD_BYTES = 4096
Library = Literal["libsndfile", "ffmpeg"]


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of recording and what decodes it; `demuxer` is FFmpeg's name of it."""

    title: str
    decoder: Library
    demuxer: str = ""


WAV = Container("WAV", "libsndfile")
FLAC = Container("FLAC", "libsndfile")
OGG = Container("Ogg", "libsndfile", "ogg")
MP3 = Container("MP3", "libsndfile")
MP4 = Container("MP4 (m4a, mp4, 3gp)", "ffmpeg", "mov")
AMR = Container("AMR", "ffmpeg", "amr")
MATROSKA = Container("Matroska (webm, mkv)", "ffmpeg", "matroska")
AAC = Container("AAC", "ffmpeg", "aac")

_CONTAINERS = (
    (rb"(RIFF|RF64)....WAVE", WAV),
    (rb"fLaC", FLAC),
    (rb"OggS.{24,280}(\x01vorbis|OpusHead)", OGG),
    (rb"....ftyp", MP4),
    (rb"#!AMR(-WB)?\n", AMR),
    (rb"\x1a\x45\xdf\xa3", MATROSKA),
    # Layer bits 00 are AAC in ADTS frames, the others the three layers of MPEG audio.
    (rb"\xff[\xf0\xf1\xf8\xf9]", AAC),
    (rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd\xff]", MP3),
    (rb"ID3", MP3),
)
_OTHER_RECORDINGS = (
    (rb"RIFX....WAVE", "a big-endian WAV recording"),
    (rb"FORM....AIF[FC]", "an AIFF recording"),
    (rb"\.snd", "an AU recording"),
    (rb"caff\0\x01", "a CAF recording"),
    (rb"riff\x2e\x91\xcf\x11", "a Wave64 recording"),
    (rb"NIST_1A", "a NIST SPHERE recording"),
    (rb"OggS", "an Ogg file that holds neither Vorbis nor Opus"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file"),
    (rb"MAC .[\x0d-\x10]", "a Monkey's Audio recording"),
    (rb"wvpk", "a WavPack recording"),
)
_NOT_RECORDINGS = (
    (rb"%PDF-", "a PDF document"),
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive or an office document"),
    (rb"\x1f\x8b", "a gzip archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (rb"Rar!\x1a", "a RAR archive"),
    (rb"\x89PNG", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"GIF8[79]a", "a GIF image"),
    (rb"RIFF....WEBP", "a WebP image"),
    (rb"(II\x2a\0|MM\0\x2a)", "a TIFF image"),
    (rb"RIFF....AVI ", "an AVI video"),
    (rb"\0\0\x01[\xb3\xba]", "an MPEG video"),
    (rb"FLV\x01", "a Flash video"),
    (rb"\x7fELF", "a program"),
    (rb"MZ.\0", "a program"),
    (rb"ZOVP", "a voiceprint"),
    (rb"\xff\xfe|\xfe\xff", "text"),
)


# Compiled here, in the process whose children ask: what each of them looks up and compiles costs it more than a match.
_KNOWN = [(re.compile(pattern, re.DOTALL), container) for pattern, container in _CONTAINERS]
# An ISO image container is the brand's business: pictures share it with recordings.
_PICTURE = re.compile(rb"....ftyp(heic|heix|mif1|avif)", re.DOTALL)


def identify(head: bytes) -> Container:
    """The kind of recording that starts with `head`, the first HEAD_BYTES of a file.

    Raises MediaUnknown, naming what it is instead.
    """
    if not head:
        raise MediaUnknown("the file is empty")
    if _PICTURE.match(head):
        raise MediaUnknown("this is a HEIF or AVIF image, not a recording")
    for magic, container in _KNOWN:
        if magic.match(head):
            return container
    for pattern, title in _OTHER_RECORDINGS:
        if re.match(pattern, head, re.DOTALL):
            raise MediaUnknown(f"this is {title}, which is not decoded here; convert it to WAV or FLAC")
    for pattern, title in _NOT_RECORDINGS:
        if re.match(pattern, head, re.DOTALL):
            raise MediaUnknown(f"this is {title}, not a recording")
    if _is_text(head):
        raise MediaUnknown("this is text, not a recording")
    raise MediaUnknown("this is not a recording of a known kind")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end within a character.
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)
