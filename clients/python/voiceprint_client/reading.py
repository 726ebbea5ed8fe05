"""Answers as they come over the wire, read into the dataclasses that stand for them."""

import json
import sys
from array import array
from collections.abc import Callable, Hashable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgpack

MSGPACK = "application/vnd.msgpack"

Kind = TypeVar("Kind")


def tree(content: bytes, content_type: str) -> Any:
    """A body as dictionaries, lists and values. Raises ValueError."""
    if content_type.partition(";")[0].strip() != MSGPACK:
        return json.loads(content)
    try:
        return msgpack.unpackb(content)
    except (ValueError, msgpack.UnpackException) as error:
        raise ValueError(str(error) or "broken msgpack") from error


def read(kind: type[Kind], found: Any) -> Kind:
    """`found` as a dataclass. Keys that it does not have are of a later appliance, and left out.

    Raises ValueError naming what is missing or of another kind.
    """
    made: Kind = _reader(cast("Hashable", kind))(found)
    return made


def vector(found: Any) -> "array[float]":
    """float32 numbers: four little-endian bytes each, or a list of decimals. Raises ValueError."""
    if isinstance(found, list):
        try:
            return array("f", found)
        except (TypeError, OverflowError) as error:
            raise ValueError("a list of numbers was expected") from error
    if not isinstance(found, bytes):
        raise ValueError("numbers were expected")
    numbers = array("f")
    numbers.frombytes(found)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


@cache
def _reader(kind: Hashable) -> Callable[[Any], Any]:
    """What makes a `kind`, a class or an annotation, of a part of the tree."""
    if kind is array:
        return vector
    if is_dataclass(kind):
        return _fields(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        item = _reader(inner[0])
        return lambda found: tuple(map(item, _checked(found, list)))
    if origin in (Union, UnionType):  # the first, where a Literal is in it
        there = _reader(inner[0])
        return lambda found: None if found is None else there(found)
    if kind is float:
        return lambda found: float(_checked(found, (float, int)))
    # A word that a later appliance adds is passed on.
    plain = str if origin is Literal else kind
    return lambda found: _checked(found, plain)


def _fields(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = [(one.name, _reader(hints[one.name]), one.default is MISSING) for one in fields(kind)]

    def made(found: Any) -> Any:
        _checked(found, dict)
        given = {}
        for name, reader, needed in readers:
            if name in found:
                try:
                    given[name] = reader(found[name])
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
            elif needed:
                raise ValueError(f"{name} is missing")
        return kind(**given)

    return made


def _checked(found: Any, kind: Any) -> Any:
    if not isinstance(found, kind):
        raise ValueError(f"{type(found).__name__} where something else was expected")
    return found
