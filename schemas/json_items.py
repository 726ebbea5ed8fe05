"""What one value of JSON is as a voiceprint: a vector as a list of numbers, a voiceprint as text (`schemas/cells.py`:
Base64, or a list of numbers written as text), or an object with one of them and perhaps a key."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from schemas.errors import VoiceprintMalformed
from schemas.formats import KEY_NAMES, MODEL_NAMES, UNTOLD, VECTOR_NAMES, Asked, Gathered, Names, Rows, floats

_NUMBERS = {int, float}
_NEITHER = "neither a list of numbers nor a voiceprint as text, nor an object with one"


def vector_field(fields: Any, asked: Asked) -> str | None:
    """Under which name an object has a vector or a voiceprint: the one asked for, or the first that is known."""
    return next((name for name in ((asked.column,) if asked.column else VECTOR_NAMES) if name in fields), None)


def key_field(fields: Any, asked: Asked) -> str | None:
    """The same of its key."""
    return next((name for name in ((asked.key,) if asked.key else KEY_NAMES) if name in fields), None)


def is_item(value: Any, asked: Asked) -> bool:
    """Whether `value` is meant as one voiceprint, be it a bad one."""
    if isinstance(value, dict):
        return vector_field(value, asked) is not None
    return isinstance(value, str) or (
        isinstance(value, list) and not any(isinstance(one, list | dict | str) for one in value)
    )


def _names(value: dict[str, Any]) -> Names:
    model, space = (value.get(name) for name in MODEL_NAMES)
    return (model, space) if isinstance(model, str) and isinstance(space, str) else UNTOLD


def item(value: Any, asked: Asked, found: Gathered, key: str | None = None) -> Iterator[Rows]:
    """The row that `value` is, added to those `found`."""
    names = UNTOLD
    if isinstance(value, dict):
        name, key_name = vector_field(value, asked), key_field(value, asked)
        told = value.get(key_name) if key_name else None
        key = str(told) if isinstance(told, str | int) else key
        names = _names(value)
        value = None if name is None else value[name]
    if isinstance(value, str):
        yield from found.cell(value.encode(errors="surrogatepass"), key)
        return
    if isinstance(value, list) and set(map(type, value)) <= _NUMBERS:
        try:
            vector = np.array(value, np.float64)
        except OverflowError:
            yield from found.fault(VoiceprintMalformed("a number in the vector is too large"), key)
            return
        yield from found.vector(floats(vector), key, names)
        return
    yield from found.fault(VoiceprintMalformed(_NEITHER), key)
