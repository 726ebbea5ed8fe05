"""The one JSON encoder.

Every number that leaves the appliance as text goes through it, so a vector reads the same everywhere.
"""

from typing import Any

import orjson


def encode(value: Any, *, indent: bool = False) -> bytes:
    """UTF-8 JSON. A float32 array becomes the shortest decimals that read back to the same float32 values.

    Raises TypeError for a value that JSON cannot carry.
    """
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | (orjson.OPT_INDENT_2 if indent else 0))


def decode(text: bytes | bytearray | memoryview | str) -> Any:
    """Inverse of `encode`. Raises ValueError (orjson.JSONDecodeError) with the position of the fault."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # Of bytes in another encoding it says that surrogates are not allowed, of which there are none.
        if isinstance(text, str) or "UTF-8" not in error.msg:
            raise
        raise orjson.JSONDecodeError("the bytes are not UTF-8", error.doc, error.pos) from None
