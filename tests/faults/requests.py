"""What clients ask for: some hundred different requests, so that a result that belongs to another task shows."""

import hashlib
import io
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import soundfile

from schemas.errors import VoiceprintError
from schemas.signatures import Signatures
from schemas.voiceprint import Voiceprint, from_base64, to_base64
from tests.faults.configuration import Configuration

RECORDINGS = Path(__file__).parent.parent / "recordings"
_PREFIX = "speaker-identification-voiceprint"
_BOUNDARY = "recording-of-the-fault-suite"
# How often each kind is asked for, and how many different ones there are of it.
_KINDS = {
    "conversion": (80, 300),
    "comparison": (8, 60),
    "merging": (4, 30),
    "extraction": (4, 12),
    "long-extraction": (1, 2),
    "refused-conversion": (2, 10),
    "refused-extraction": (1, 4),
    # Conversions like all others, but for what a round makes of them.
    "killing": (0, 8),
}
_FEW = 12
_VOICEPRINT = re.compile(rb'"voiceprint":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Request:
    """A POST to `technology`: its body as it goes over the wire.

    What the same request over gRPC is made of stands beside it: the containers in it, or its recording.
    """

    name: str
    kind: str
    technology: str
    body: bytes
    content_type: str = "application/json"
    voiceprints: tuple[bytes, ...] = ()
    file: bytes = b""

    @property
    def path(self) -> str:
        return f"/api/technology/{self.technology}"


class Requests:
    """All requests of a run to appliances of one `configuration`, made from `seed` alone, but for one voiceprint that
    the appliance extracted itself.

    With `few`, there are fewer of them.
    """

    def __init__(self, seed: int, extracted: Voiceprint, configuration: Configuration, *, few: bool = False) -> None:
        self.configuration = configuration
        self._random = Random(f"requests {seed}")
        self._numbers = np.random.default_rng(seed)
        self._like = extracted
        self._by_kind = {
            kind: [self._made(kind, number) for number in range(-(-many // _FEW) if few else many)]
            for kind, (_, many) in _KINDS.items()
        }
        self.by_name = {request.name: request for kind in self._by_kind.values() for request in kind}

    def draw(self, random: Random) -> Request:
        """One of them, the cheap kinds more often."""
        (kind,) = random.choices(list(_KINDS), [often for often, _ in _KINDS.values()])
        return random.choice(self._by_kind[kind])

    def of_kind(self, kind: str) -> list[Request]:
        return self._by_kind[kind]

    def _made(self, kind: str, number: int) -> Request:
        name = f"{kind}-{number} {self.configuration.name}"
        voiceprints, random = self._voiceprints, self._random
        if kind.endswith("extraction"):
            return recording(
                name,
                kind,
                {
                    "extraction": lambda: self._spoken(random.uniform(2.5, 5)),
                    "long-extraction": lambda: self._spoken(random.uniform(20, 30)),
                    "refused-extraction": lambda: random.randbytes(20_000),
                }[kind](),
            )
        lists = {
            "conversion": lambda: {"voiceprints": voiceprints(1, 4)},
            "comparison": lambda: {"voiceprints_a": voiceprints(1, 3), "voiceprints_b": voiceprints(1, 3)},
            "merging": lambda: {"voiceprints": voiceprints(2, 4)},
            "refused-conversion": lambda: {"voiceprints": [_flipped(*voiceprints(1, 1))]},
            "killing": lambda: {"voiceprints": voiceprints(1, 1)},
        }[kind]()
        technology = kind if kind in ("comparison", "merging") else "conversion"
        return self._document(name, kind, technology, **lists)

    def _document(self, name: str, kind: str, technology: str, **lists: list[bytes]) -> Request:
        body = json.dumps({key: [to_base64(one) for one in many] for key, many in lists.items()})
        together = tuple(one for many in lists.values() for one in many)
        return Request(name, kind, f"{_PREFIX}-{technology}", body.encode(), voiceprints=together)

    def _voiceprints(self, least: int, most: int) -> list[bytes]:
        encode = self.configuration.signatures.encode
        return [encode(self._somebody()) for _ in range(self._random.randint(least, most))]

    def _somebody(self) -> Voiceprint:
        vector: npt.NDArray[np.float32] = self._numbers.normal(size=self._like.dimension).astype(np.float32)
        return replace(self._like, vector=vector / np.linalg.norm(vector), speech_length=self._random.uniform(1, 30))

    def _spoken(self, seconds: float) -> bytes:
        """So many seconds from somewhere in a call, which is repeated as often as that takes."""
        samples, rate = soundfile.read(RECORDINGS / "call.flac", dtype="int16", always_2d=True)
        begin, many = self._random.randrange(len(samples)), int(seconds * rate)
        file = io.BytesIO()
        soundfile.write(file, np.take(samples[:, 0], range(begin, begin + many), mode="wrap"), rate, format="FLAC")
        return file.getvalue()


def recording(name: str, kind: str, file: bytes) -> Request:
    """The extraction of `file`, vectors included."""
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name="
    parts = [
        f'{head}"file"; filename="a"\r\n\r\n'.encode() + file,
        f'{head}"config"\r\n\r\n{{"include_vector_voiceprint": true}}'.encode(),
        f"--{_BOUNDARY}--\r\n".encode(),
    ]
    content_type = f"multipart/form-data; boundary={_BOUNDARY}"
    return Request(name, kind, f"{_PREFIX}-extraction", b"\r\n".join(parts), content_type, file=file)


def _flipped(container: bytes) -> bytes:
    """With one wrong bit, which its check tells."""
    return container[:100] + bytes([container[100] ^ 1]) + container[101:]


def undated(container: bytes, signatures: Signatures) -> bytes:
    """A voiceprint without the time at which it was asked for: all that two runs may differ in, but for its signature,
    which is checked and made anew. One that cannot be taken is left as it is, and so differs from every other."""
    try:
        return signatures.encode(replace(signatures.decode(container), created_ms=0))
    except VoiceprintError:
        return container


def undated_poll(task_id: str, body: bytes, signatures: Signatures) -> bytes:
    """A poll's bytes without the task's id and the times in its voiceprints."""
    anonymous = body.replace(task_id.encode(), b"")
    return _VOICEPRINT.sub(lambda found: undated(from_base64(found[1].decode()), signatures).hex().encode(), anonymous)


def digest(answer: bytes) -> str:
    """By what two answers are compared."""
    return hashlib.sha256(answer).hexdigest()[:32]


def keys(random: Random) -> Iterator[str]:
    """Idempotency keys, no two alike, not even those of two runs."""
    run = secrets.token_hex(8)
    while True:
        yield f"{run}-{random.getrandbits(64):016x}"
