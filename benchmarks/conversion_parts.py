"""The parts of a conversion and of a comparison in one process, by processor time."""

import io
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from rich.table import Table
from threadpoolctl import ThreadpoolController

from appliance.documents import Incoming
from onnx_models import profiles, registry
from onnx_models.scorer import Scorer
from onnx_models.scoring import Vectors
from schemas import documents, json
from schemas.representations import msgpack_bytes
from schemas.signatures import UNSIGNED
from schemas.technologies import speaker_identification_voiceprint_comparison as comparison
from schemas.technologies import speaker_identification_voiceprint_conversion as conversion
from tasks import vectors, voiceprints
from tasks.files import LocalFileStore
from tasks.voiceprints import Found

_T = TypeVar("_T")
# Of a body, as it comes.
_PIECE_BYTES = 1 << 19


def _packed(stored: BinaryIO) -> Iterator[bytes]:
    return msgpack_bytes.pieces(conversion.show(stored))


_FORMS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "result as JSON": conversion.TECHNOLOGY.render,
    "result as msgpack": _packed,
    "result as Arrow": conversion.table,
}


class Clock:
    """Processor seconds by what was done."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    def timed(self, name: str, work: Callable[[], _T]) -> _T:
        started = time.process_time()
        done = work()
        self.taken.setdefault(name, []).append(time.process_time() - started)
        return done

    def middle(self, *names: str) -> float:
        """Of all of them together."""
        return sum(statistics.median(self.taken[name]) for name in names)


def parts(texts: list[str], rounds: int) -> Table:
    """A conversion of `texts`."""
    body, clock = json.encode({"voiceprints": texts}), Clock()
    checked, parsed = "body as it is stored, its Base64 decoded", "parse of the stored body"
    stored = ("containers and their checks", "result", "write of the result")
    with tempfile.TemporaryDirectory() as folder:
        files = LocalFileStore(Path(folder))
        for attempt in range(rounds):
            form = clock.timed(checked, lambda: _as_stored(body))
            document = clock.timed(parsed, lambda: documents.load(io.BytesIO(form)))  # noqa: B023
            found = clock.timed(stored[0], lambda: _vectors(document["voiceprints"]))  # noqa: B023
            result = clock.timed(stored[1], lambda: b"".join(conversion.pack(found)))  # noqa: B023
            task_id = str(uuid.uuid4())
            clock.timed(stored[2], lambda: files.write_result(task_id, attempt, result))  # noqa: B023
            for name, render in _FORMS.items():
                clock.timed(name, lambda: _length(render(io.BytesIO(result))))  # noqa: B023
    numbers = len(result) / 4
    table = Table("part", "ms", "voiceprints a second", "million numbers a second", title="by processor time, in turns")
    for title, names in (
        *((name, (name,)) for name in (checked, parsed, *stored)),
        ("from the parsed body to the stored result", stored),
        *((name, (name,)) for name in _FORMS),
    ):
        seconds = clock.middle(*names)
        table.add_row(title, f"{seconds * 1e3:.0f}", f"{len(texts) / seconds:,.0f}", f"{numbers / seconds / 1e6:.0f}")
    return table


def compared(texts_a: list[str], texts_b: list[str], rounds: int) -> Table:
    """Scores of every pair, by the job's own steps, beside the product alone."""
    body, clock = json.encode({"voiceprints_a": texts_a, "voiceprints_b": texts_b}), Clock()
    card = registry.speaker_card("ge2e")
    scorer = Scorer(registry.load_mean(card), card.unit_length, profiles.card_profile(card))
    with ThreadpoolController().limit(limits=1, user_api="blas"):
        for _ in range(rounds + 1):  # the first makes room
            form = clock.timed("body as it is stored, its Base64 decoded", lambda: _as_stored(body))
            document = clock.timed("parse of the stored body", lambda: documents.load(io.BytesIO(form)))  # noqa: B023
            found = clock.timed(
                "decoding",
                lambda: [_read(document[name]) for name in ("voiceprints_a", "voiceprints_b")],  # noqa: B023
            )
            a, b = map(voiceprints.vectors, found)
            clock.timed("product of float32", lambda: b @ a.T)  # noqa: B023
            wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
            clock.timed("product of float64, which ours is", lambda: wide_b @ wide_a.T)  # noqa: B023
            lengths = [voiceprints.speech_lengths(one) for one in found]
            scores = clock.timed(
                "log-likelihood ratios, product included",
                lambda: scorer.llr(b, lengths[1], a, lengths[0]),  # noqa: B023
            )
            clock.timed("result", lambda: comparison.pack(scores))  # noqa: B023
    table = Table("part", "ms", title=f"{len(texts_a):,} by {len(texts_b):,} scores, by processor time")
    for name in clock.taken:
        table.add_row(name, f"{clock.middle(name) * 1e3:.1f}")
    job = clock.middle("decoding", "log-likelihood ratios, product included", "result")
    for kind in ("product of float32", "product of float64, which ours is"):
        bare = clock.middle("decoding", kind)
        table.add_row(f"all but the parse, times decoding and {kind}", f"{job / bare:.1f}")
    return table


def _as_stored(body: bytes) -> bytes:
    """As it comes, in pieces."""
    incoming = Incoming()
    pieces = [incoming.add(body[start : start + _PIECE_BYTES]) for start in range(0, len(body), _PIECE_BYTES)]
    return b"".join((*pieces, incoming.end()))


def _read(texts: list[str | documents.Run]) -> list[Found]:
    return voiceprints.read(texts, "voiceprints", [], lambda: False, UNSIGNED)


def _length(pieces: Iterable[bytes]) -> int:
    return sum(len(piece) for piece in pieces)


def _vectors(texts: list[str | documents.Run]) -> list[Vectors]:
    return list(vectors.each(texts, "voiceprints", [], lambda: False, UNSIGNED))
