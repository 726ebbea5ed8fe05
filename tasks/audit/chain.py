"""Lines that prove themselves and those before them.

A line is one JSON object that ends with its MAC, and a line end:

    {"n":7,"time":…,"who":…,"what":…,"which":…,"outcome":…,"key":2,"mac":"<64 hexadecimal digits>"}

Its MAC is HMAC-SHA256, under the key that `key` names, over the 32 bytes of the MAC of the line before, followed by all
bytes of the line before `,"mac":`. Before the first line there are 32 zero bytes. `n` counts from 1, without gaps.
"""

import hmac
from dataclasses import dataclass
from typing import Any, Self

from schemas import json
from schemas.keyring import Keys
from tasks.audit.event import Event

MAC_BYTES = 32
# No line is nearly as long: what is told of an event is bounded.
MOST_LINE_BYTES = 1 << 14
_BEFORE, _AFTER = b',"mac":"', b'"}'
_PROOF_BYTES = len(_BEFORE) + 2 * MAC_BYTES + len(_AFTER)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log ends: the number of its last event and the MAC of its line. 0 and zeros before the first."""

    n: int = 0
    mac: bytes = bytes(MAC_BYTES)

    def encode(self) -> bytes:
        """One line of JSON, always of the same length."""
        return b'{"n":%19d,"mac":"%s"}\n' % (self.n, self.mac.hex().encode())

    @classmethod
    def decode(cls, text: bytes) -> Self:
        """Raises ValueError for what is no head."""
        found = json.decode(text)
        if not isinstance(found, dict) or type(n := found.get("n")) is not int or n < 0:
            raise ValueError("it has no number 'n'")
        mac = bytes.fromhex(str(found.get("mac")))
        if len(mac) != MAC_BYTES:
            raise ValueError(f"its 'mac' is not {MAC_BYTES} bytes in hexadecimal digits")
        return cls(n, mac)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was found. `fields` are those of the event, with the number and the key's id."""

    head: Head
    key: int
    content: bytes
    fields: dict[str, Any]

    @property
    def text(self) -> str:
        """As it stands in the file, without its line end."""
        return f"{self.content.decode()}{_BEFORE.decode()}{self.head.mac.hex()}{_AFTER.decode()}"

    def proven(self, before: bytes, keys: Keys) -> bool:
        """Whether its MAC is right behind the MAC `before`. Raises KeyError when its key is not among `keys`."""
        return hmac.compare_digest(keys.mac(before + self.content, self.key), self.head.mac)


def sealed(event: Event, before: Head, keys: Keys) -> tuple[bytes, Head]:
    """The line of `event`, its line end included, behind that of `before`, and the head that it makes."""
    n = before.n + 1
    content = json.encode({"n": n} | event.told() | {"key": keys.current})[:-1]
    head = Head(n, keys.mac(before.mac + content))
    return content + _BEFORE + head.mac.hex().encode() + _AFTER + b"\n", head


def read(line: bytes) -> Line | None:
    """The line, given with its line end; None for what is none, whole."""
    if not line.endswith(_AFTER + b"\n") or len(line) <= _PROOF_BYTES + 1:
        return None
    content, proof = line[: -_PROOF_BYTES - 1], line[-_PROOF_BYTES - 1 :]
    if not proof.startswith(_BEFORE):
        return None
    try:
        fields, mac = json.decode(content + b"}"), bytes.fromhex(proof[len(_BEFORE) : -len(_AFTER) - 1].decode())
    except ValueError:
        return None
    n, key = fields.get("n"), fields.get("key")
    if type(n) is not int or type(key) is not int or n < 1 or len(mac) != MAC_BYTES:
        return None
    return Line(Head(n, mac), key, content, fields)
