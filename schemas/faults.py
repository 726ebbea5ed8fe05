"""What a library found wrong, in words for people: without what was given, which may be long, secret or hostile."""

from collections.abc import Callable

import pydantic

from schemas.printable import printable

Place = tuple[int | str, ...]


def dotted(place: Place) -> str:
    """`family_options.minimum_seconds`."""
    return ".".join(map(str, place))


def faults(error: pydantic.ValidationError, name: Callable[[Place], str] = dotted) -> str:
    """Every fault as `field: what`, with `; ` between them; `name` gives the field for its place."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return printable("; ".join(_told(name(fault["loc"]), fault["msg"]) for fault in found))


def reason(error: Exception, name: Callable[[Place], str] = dotted) -> str:
    """What is wrong: the system's words for an OSError, the faults of a ValidationError, and else what it says."""
    if isinstance(error, pydantic.ValidationError):
        return faults(error, name)
    return printable((isinstance(error, OSError) and error.strerror) or str(error))


def _told(field: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{field}: {text}" if field else text
