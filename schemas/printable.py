"""What comes from outside, as it may stand in a message or in a line of the log."""

MOST_CHARACTERS = 2000


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """`text` on one line, with nothing in it that a terminal would obey, and cut after `most` characters.

    Names in voiceprints, words of decoders and of other servers: whoever wrote them must not write lines of ours.
    """
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
