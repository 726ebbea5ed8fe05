"""msgpack as a voiceprint is written, in fixed widths, and as it is read, strictly."""

import struct
from typing import Any

import msgpack


def pack(value: Any) -> bytes:
    """Any value in its shortest form; text and bytes of one length always take one width.

    Raises ValueError for what msgpack cannot write.
    """
    try:
        return bytes(msgpack.packb(value))
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def uint32(value: int) -> bytes:
    return b"\xce" + struct.pack(">I", value)


def uint64(value: int) -> bytes:
    return b"\xcf" + struct.pack(">Q", value)


def float64(value: float) -> bytes:
    return b"\xcb" + struct.pack(">d", value)


def unpack(packed: bytes) -> Any:
    """Inverse of all above. Raises ValueError for extensions, for keys that are repeated or neither text nor bytes, for
    text that is not UTF-8, and for bytes that are not one value."""
    try:
        return msgpack.unpackb(
            packed,
            raw=False,
            strict_map_key=True,
            ext_hook=_refuse_extension,
            object_pairs_hook=_distinct,
            list_hook=_without_timestamps,
        )
    except msgpack.UnpackException as error:
        raise ValueError(str(error)) from error


def _refuse_extension(code: int, _: bytes) -> None:
    raise ValueError(f"msgpack extension {code} has no meaning here")


def _distinct(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Of a key that is there twice, readers would take one or the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    _without_timestamps(list(found.values()))
    return found


def _without_timestamps(values: list[Any]) -> list[Any]:
    """The one extension that msgpack reads itself, without asking the hook."""
    if any(isinstance(value, msgpack.Timestamp) for value in values):
        _refuse_extension(-1, b"")
    return values
