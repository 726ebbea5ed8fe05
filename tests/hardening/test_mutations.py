"""Valid requests and recordings, damaged at random but the same way every time."""

import random

import httpx
import pytest

from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, ended
from tests.hardening.conftest import GOOD
from tests.hardening.wire import FORM, form, part

NAMES = sorted(path.name for path in RECORDINGS.iterdir() if path.suffix not in {".py", ".npz"})
_FORM = form(part("file", b"RIFF" + bytes(60)), part("config", b'{"channels": [0], "x": 1}', filename=None))
_DOCUMENT = b'{"voiceprints": ["%s", "AAAA"]}' % GOOD.encode()
_SNIPPETS = (b"\r\n", b"--edge", b"--edge--", b";", b"=", b'"', b"\0", b"name=", b"{", b"[", b"\\u", b"\xff")


def damaged(content: bytes, random_number: random.Random) -> bytes:
    """One to four bytes changed, removed or put in."""
    changed = bytearray(content)
    for _ in range(random_number.randint(1, 4)):
        at = random_number.randrange(len(changed))
        match random_number.randrange(3):
            case 0:
                changed[at] = random_number.randrange(256)
            case 1:
                del changed[at : at + random_number.choice((1, 4, 20))]
            case _:
                changed[at:at] = random_number.choice(_SNIPPETS)
    return bytes(changed)


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [(EXTRACTION, _FORM, FORM), (CONVERSION, _DOCUMENT, "application/json")],
    ids=["form", "document"],
)
def test_no_damage_to_a_body_is_our_fault(client: httpx.Client, path: str, body: bytes, content_type: str) -> None:
    """Accepted or refused, never 500."""
    random_number = random.Random(5)  # noqa: S311
    for _ in range(300):
        sent = damaged(body, random_number)
        answer = client.post(path, content=sent, headers={"Content-Type": content_type})
        assert answer.status_code in {202, 400, 422}, sent


@pytest.mark.parametrize("name", NAMES)
def test_no_damage_to_a_recording_is_our_fault(client: httpx.Client, name: str) -> None:
    """Done or rejected, never failed, with the header hit as often as the sound."""
    random_number, whole = random.Random(name), (RECORDINGS / name).read_bytes()  # noqa: S311
    locations = []
    for index in range(10):
        head, rest = (whole[:100], whole[100:20_000]) if index % 2 else (whole[:20_000], b"")
        answer = client.post(EXTRACTION, files={"file": damaged(head, random_number) + rest})
        assert answer.status_code == 202
        locations.append(answer.headers["Location"])
    for location in locations:
        assert ended(client, location)["task"]["state"] in {"done", "rejected"}  # type: ignore[index]
