"""What somebody may have meant who wrote a name that there is not."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` with the nearest of `known`, to stand behind the wrong word; nothing where none is near."""
    written = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), written, n=1)
    return f" (did you mean {written[near[0]]}?)" if near else ""
