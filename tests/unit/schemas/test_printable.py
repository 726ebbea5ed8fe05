"""What comes from outside stays on its line."""

import json

import pytest

from schemas.errors import Detail, RequestInvalid
from schemas.printable import MOST_CHARACTERS, printable


@pytest.mark.parametrize("hostile", ["\n", "\r\n", "\x1b[8m", "\x00", "\u2028", "\u202e", "\x85", "\ud800"])
def test_nothing_is_obeyed(hostile: str) -> None:
    """Neither line ends of any kind, nor what terminals hide, colour or turn round by."""
    assert printable(f"a{hostile}b").isprintable()


def test_what_is_plain_stays() -> None:
    """In any script."""
    assert printable("Grüße, 東京!") == "Grüße, 東京!"


def test_it_is_short() -> None:
    """And shows that it was cut."""
    assert printable("x" * 5000) == "x" * (MOST_CHARACTERS - 1) + "…"
    assert printable("four", 4) == "four"


def test_refusals_and_their_details_are_plain() -> None:
    """Whoever raises them may repeat what came, in every text of the body."""
    refusal = RequestInvalid("b\nad", [Detail(("body", "na\nme", 3), "wr\x1bong", "kind", {"given": "x\n", "most": 2})])
    assert (refusal.message, str(refusal)) == ("b�ad", "b�ad")
    (detail,) = json.loads(json.dumps(refusal.body()))["detail"]
    assert detail["location"] == ["body", "na�me", 3]
    assert detail["message"] == "wr�ong"
    assert detail["context"] == {"given": "x�", "most": 2}
