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
    return orjson.loads(text)
