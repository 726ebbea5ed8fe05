"""In which form a client would have a result: its `Accept` header, as RFC 9110 reads it."""

from collections.abc import Iterable, Sequence

_EXPLICIT, _OF_TYPE, _ANY = 2, 1, 0


def preferred(accept: Iterable[str], offered: Sequence[str]) -> str:
    """The one of the `offered` media types that the `Accept` headers like best, the first where they do not care.

    Of several that are liked alike the one that is named wins over those that a wildcard means, and then the earlier.
    Where none is acceptable it is the first as well: a client that takes nothing of it can still read what it is.
    """
    ranges = [one for header in accept for text in header.split(",") if (one := _range(text)) is not None]
    liked = {one: _liking(one, ranges) for one in offered}
    best = max(offered, key=lambda one: liked[one])  # the earliest of those that are alike
    return best if liked[best][0] > 0 else offered[0]


def _liking(offered: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """The weight of the range that says most about `offered`, and how much it says."""
    found = [(specific, weight) for pattern, weight in ranges if (specific := _specific(pattern, offered)) is not None]
    specific, weight = max(found, default=(_ANY, 0.0))
    return weight, specific


def _specific(pattern: str, offered: str) -> int | None:
    if pattern == offered:
        return _EXPLICIT
    if pattern == offered.partition("/")[0] + "/*":
        return _OF_TYPE
    return _ANY if pattern == "*/*" else None


def _range(text: str) -> tuple[str, float] | None:
    """A media range and its weight, 0 to 1; None for one that cannot be read or asks for more than a type."""
    pattern, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() != "q":
            return None
        try:
            weight = float(value)
        except ValueError:
            return None
        if not 0 <= weight <= 1:
            return None
    return (pattern, weight) if pattern else None
