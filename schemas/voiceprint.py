"""The voiceprint and its container, version 1. This layout is frozen: what it writes today must decode for ever.

A container is a frame around one msgpack map; integers of the frame are little-endian:

    offset  bytes  field
    0       4      magic `ZOVP`. Its first byte alone is a complete UBJSON value (null), which is how clients of the
                   field tell a voiceprint from audio
    4       1      version, 1
    5       1      flags: 1 = signed, 2 = no speech; the others are 0
    6       2      0
    8       4      key id (unsigned); 0 when not signed
    12      4      length of the payload in bytes
    16      n      payload, the msgpack map
    16 + n  32     check over everything before it: SHA-256, or HMAC-SHA256 under the key of `key id` when signed

The map, in this order, every value of a fixed width, so that all voiceprints of one model have one length and their
vectors one offset:

    model      str         name of the model
    sha256     bin 32      SHA-256 of the model's network
    space      str         embedding space: only vectors of one space may be compared
    dim        uint32      number of values of the vector
    vector     bin 4*dim   float32, little-endian; zeros when there is no speech
    speech     float64     net speech, seconds
    recording  float64     length of the recording, seconds
    rate       uint32      sample rate of the recording, hertz
    channel    uint32      number of the channel, from 0
    media      bin 32      SHA-256 of the recording's file
    created    uint64      when the extraction was asked for, milliseconds since 1970 UTC
    merged     uint32      number of voiceprints that this one stands for
    quality    bin 32      measurements of the recording as `schemas/quality.py` lays them out; zeros when not measured
    pad        bin 0..2    zeros that make the length of the whole a multiple of 3, so that Base64 needs no padding

Other keys are kept and ignored; they are written between `quality` and `pad`.
"""

import hashlib
import hmac
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pybase64

from schemas import packing
from schemas.errors import (
    VoiceprintDamaged,
    VoiceprintKeyUnknown,
    VoiceprintMalformed,
    VoiceprintNotFinite,
    VoiceprintNotSigned,
    VoiceprintTruncated,
    VoiceprintUnknownVersion,
    VoiceprintWrongLength,
    VoiceprintWrongMagic,
)

MAGIC = b"ZOVP"
VERSION = 1
SIGNED, NO_SPEECH = 1, 2
# A vector of 200,000 values still fits; whatever is larger is not read at all.
MAXIMUM_BYTES = 1 << 20
NAME_CHARACTERS = 64
QUALITY_BYTES = 32

# A container in Base64 begins with its magic and version, wherever in a line or a JSON document it stands.
IN_TEXT = re.compile(rb"Wk9WUA[E-H][A-Za-z0-9+/]{40,}")

_T = TypeVar("_T")
HEADER = struct.Struct("<4sBBHII")
# The map's own head.
_MAP_BYTES = 3
CHECK_BYTES = 32
_FIELDS = frozenset(
    "model sha256 space dim vector speech recording rate channel media created merged quality pad".split()  # noqa: SIM905  # one name a word reads best
)


@dataclass(frozen=True, slots=True, eq=False)
class Voiceprint:
    """One speaker's voice in one channel of a recording.

    `vector` is float32 of shape (dimension,), centred and of unit length as its model's card says, all zeros when there
    is no speech. Lengths are in seconds, `sample_rate` in hertz, `created_ms` in milliseconds since 1970 UTC.
    """

    model: str
    model_sha256: bytes
    space: str
    vector: npt.NDArray[np.float32]
    speech_length: float
    recording_length: float
    sample_rate: int
    channel_number: int
    media_sha256: bytes
    created_ms: int
    merged: int = 1
    quality: bytes = bytes(QUALITY_BYTES)
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dimension(self) -> int:
        return int(self.vector.shape[0])

    @property
    def has_speech(self) -> bool:
        return bool(self.vector.any())

    @property
    def spoken_vector(self) -> npt.NDArray[np.float32]:
        """The vector as clients see it: shape (dimension,), or (0,) when there is no speech."""
        return self.vector if self.has_speech else self.vector[:0]


@dataclass(frozen=True, slots=True)
class Signer:
    """A signing key and the id (1 to 2**32 - 1) by which containers name it."""

    key_id: int
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.key_id < 1 << 32:
            raise ValueError("a key id is a number from 1 to 2**32 - 1")


def encode(voiceprint: Voiceprint, signer: Signer | None = None) -> bytes:
    """The container of `voiceprint`; the same voiceprint always gives the same bytes.

    Raises VoiceprintNotFinite or VoiceprintMalformed for a voiceprint that `decode` would not take back.
    """
    _validate(voiceprint)
    known = _known(voiceprint)
    extras = tuple((name, _extra(value)) for name, value in voiceprint.extras.items())
    # map16 rather than the shortest form: its width does not depend on the number of keys.
    payload = b"\xde" + struct.pack(">H", len(known) + len(extras) + 1)
    payload += b"".join(packing.pack(name) + value for name, value in (*known, *extras)) + packing.pack("pad")
    padding = -(HEADER.size + len(payload) + 2 + CHECK_BYTES) % 3
    payload += packing.pack(bytes(padding))
    flags = (SIGNED if signer else 0) | (0 if voiceprint.has_speech else NO_SPEECH)
    framed = HEADER.pack(MAGIC, VERSION, flags, 0, signer.key_id if signer else 0, len(payload)) + payload
    if len(framed) + CHECK_BYTES > MAXIMUM_BYTES:
        raise VoiceprintWrongLength(f"a voiceprint may have at most {MAXIMUM_BYTES} bytes")
    return framed + check(framed, signer.key if signer else None)


def _known(voiceprint: Voiceprint) -> tuple[tuple[str, bytes], ...]:
    return (
        ("model", packing.pack(voiceprint.model)),
        ("sha256", packing.pack(voiceprint.model_sha256)),
        ("space", packing.pack(voiceprint.space)),
        ("dim", packing.uint32(voiceprint.dimension)),
        ("vector", packing.pack(voiceprint.vector.astype("<f4", copy=False).tobytes())),
        ("speech", packing.float64(voiceprint.speech_length)),
        ("recording", packing.float64(voiceprint.recording_length)),
        ("rate", packing.uint32(voiceprint.sample_rate)),
        ("channel", packing.uint32(voiceprint.channel_number)),
        ("media", packing.pack(voiceprint.media_sha256)),
        ("created", packing.uint64(voiceprint.created_ms)),
        ("merged", packing.uint32(voiceprint.merged)),
        ("quality", packing.pack(voiceprint.quality)),
    )


def ends(voiceprint: Voiceprint) -> dict[str, int]:
    """At which offset of the container of `voiceprint` each field of the map ends, by its name; what it holds stands
    right before."""
    found, end = {}, HEADER.size + _MAP_BYTES
    for name, value in _known(voiceprint):
        end += len(packing.pack(name)) + len(value)
        found[name] = end
    return found


def decode(data: bytes, keys: Mapping[int, bytes] | None = None, *, unsigned: bool = True) -> Voiceprint:
    """The voiceprint in the container `data`; `keys` are the signing keys by id, `unsigned` says whether one that is
    not signed is taken.

    The check is made before the map is parsed. Raises the VoiceprintError that names what is wrong.
    """
    flags, reserved, number = _framed(data)
    key = None
    if flags & SIGNED:
        key = (keys or {}).get(number)
        if key is None:
            raise VoiceprintKeyUnknown(
                f"the voiceprint is signed with key {number}, which is not known here: extract it from its recording "
                "again, or bring the key back to the key ring"
            )
    elif not unsigned:
        raise VoiceprintNotSigned(
            "the voiceprint is not signed, and only those are taken here that this appliance has signed: extract it "
            "from its recording, or have it signed with `voiceprint keyring sign`"
        )
    if not hmac.compare_digest(check(data[:-CHECK_BYTES], key), data[-CHECK_BYTES:]):
        what, made = ("check", "damaged or altered") if key is None else ("signature", "damaged, altered or forged")
        raise VoiceprintDamaged(f"the voiceprint was {made}: its {what} does not match its content")
    if flags & ~(SIGNED | NO_SPEECH) or reserved or (number and key is None):
        raise VoiceprintMalformed("the voiceprint's header has bits set that version 1 does not define")
    return _content(data, flags)


def decode_vouched(data: bytes) -> Voiceprint:
    """The same without its check, signed or not, where another one vouches for every byte of `data`."""
    flags, _, _ = _framed(data)
    return _content(data, flags)


def key_id(data: bytes) -> int | None:
    """By which key the container `data` says that it is signed; None for one that is not."""
    flags, _, number = _framed(data)
    return number if flags & SIGNED else None


def sign(data: bytes, signer: Signer) -> bytes:
    """The container `data`, which `decode` has taken, signed: of the same length, and the same but for flag, key id and
    check."""
    _, version, flags, reserved, _, payload_length = HEADER.unpack_from(data)
    header = HEADER.pack(MAGIC, version, flags | SIGNED, reserved, signer.key_id, payload_length)
    framed = header + data[HEADER.size : -CHECK_BYTES]
    return framed + check(framed, signer.key)


def _framed(data: bytes) -> tuple[int, int, int]:
    """Flags, reserved bits and key id of the frame, which is whole."""
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise VoiceprintWrongMagic("this is not a voiceprint of this appliance")
    if len(data) < HEADER.size:
        raise VoiceprintTruncated(f"the voiceprint ends after {len(data)} bytes, within its header")
    _, version, flags, reserved, key_id, payload_length = HEADER.unpack_from(data)
    if version != VERSION:
        raise VoiceprintUnknownVersion(f"the voiceprint has version {version}; this appliance reads version {VERSION}")
    expected = HEADER.size + payload_length + CHECK_BYTES
    if expected > MAXIMUM_BYTES:
        raise VoiceprintWrongLength(f"the voiceprint claims {expected} bytes; at most {MAXIMUM_BYTES} are read")
    if len(data) < expected:
        raise VoiceprintTruncated(f"the voiceprint has {len(data)} bytes of {expected}")
    if len(data) > expected:
        raise VoiceprintWrongLength(f"the voiceprint has {len(data)} bytes where {expected} belong")
    return flags, reserved, key_id


def _content(data: bytes, flags: int) -> Voiceprint:
    if len(data) % 3:
        raise VoiceprintMalformed(f"the voiceprint has {len(data)} bytes, which is not a multiple of 3")
    voiceprint = _from_map(_parse(data[HEADER.size : -CHECK_BYTES]))
    if voiceprint.has_speech == bool(flags & NO_SPEECH):
        raise VoiceprintMalformed("the voiceprint's no-speech flag contradicts its vector")
    return voiceprint


def to_base64(container: bytes) -> str:
    """The container as REST carries it; its length is a multiple of 3, so there is no padding."""
    return pybase64.b64encode_as_string(container)


def from_base64(text: str | bytes) -> bytes:
    """Inverse of `to_base64`. Raises VoiceprintMalformed for text that is not Base64."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise VoiceprintMalformed("this is not Base64") from error


def check(framed: bytes | memoryview, key: bytes | None) -> bytes:
    """What stands behind everything before it, signed under `key` where there is one."""
    return hashlib.sha256(framed).digest() if key is None else hmac.digest(key, framed, "sha256")


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        parsed = packing.unpack(payload)
    except ValueError as error:
        raise VoiceprintMalformed("the voiceprint's payload is not the msgpack map it should be") from error
    if not isinstance(parsed, dict) or not all(isinstance(name, str) for name in parsed):
        raise VoiceprintMalformed("the voiceprint's payload is not a map with text keys")
    return parsed


def _extra(value: object) -> bytes:
    try:
        packed = packing.pack(value)
        packing.unpack(packed)
    except ValueError as error:
        raise VoiceprintMalformed("an extra field of the voiceprint cannot be written so that it reads back") from error
    return packed


def _from_map(parsed: dict[str, Any]) -> Voiceprint:
    def take(name: str, kind: type[_T]) -> _T:
        value = parsed.get(name)
        if type(value) is not kind:
            raise VoiceprintMalformed(f"the voiceprint's field {name!r} is missing or not of type {kind.__name__}")
        return value

    raw = take("vector", bytes)
    if len(raw) != 4 * take("dim", int):
        raise VoiceprintMalformed(f"the voiceprint's vector has {len(raw)} bytes, not four for each of its values")
    voiceprint = Voiceprint(
        model=take("model", str),
        model_sha256=take("sha256", bytes),
        space=take("space", str),
        vector=np.frombuffer(raw, dtype="<f4"),
        speech_length=take("speech", float),
        recording_length=take("recording", float),
        sample_rate=take("rate", int),
        channel_number=take("channel", int),
        media_sha256=take("media", bytes),
        created_ms=take("created", int),
        merged=take("merged", int),
        quality=take("quality", bytes),
        extras={name: value for name, value in parsed.items() if name not in _FIELDS},
    )
    _validate(voiceprint)
    return voiceprint


def _validate(voiceprint: Voiceprint) -> None:
    """What encode promises and decode demands, in one place."""
    if not np.isfinite(voiceprint.vector).all():
        raise VoiceprintNotFinite("the voiceprint's vector holds NaN or infinity")
    if not (math.isfinite(voiceprint.speech_length) and math.isfinite(voiceprint.recording_length)):
        raise VoiceprintNotFinite("a length in the voiceprint is NaN or infinite")
    wrong = [
        name
        for name, holds in (
            ("model", 0 < len(voiceprint.model.encode()) <= NAME_CHARACTERS),
            ("space", 0 < len(voiceprint.space.encode()) <= NAME_CHARACTERS),
            ("sha256", len(voiceprint.model_sha256) == 32),
            ("media", len(voiceprint.media_sha256) == 32),
            ("quality", len(voiceprint.quality) == QUALITY_BYTES),
            (
                "vector",
                voiceprint.vector.dtype == np.float32 and voiceprint.vector.ndim == 1 and voiceprint.dimension > 0,
            ),
            ("speech", voiceprint.speech_length >= 0),
            ("recording", voiceprint.recording_length >= 0),
            ("rate", 0 < voiceprint.sample_rate < 1 << 32),
            ("channel", 0 <= voiceprint.channel_number < 1 << 32),
            ("created", 0 <= voiceprint.created_ms < 1 << 64),
            ("merged", 0 < voiceprint.merged < 1 << 32),
            ("extras", all(isinstance(name, str) and name not in _FIELDS for name in voiceprint.extras)),
        )
        if not holds
    ]
    if wrong:
        raise VoiceprintMalformed(f"out of range in the voiceprint: {', '.join(wrong)}")
