"""Many voiceprints of one model at once, column by column.

`schemas/voiceprint.py` reads one container after the other and says what is wrong with each. Those of one model differ
in values of fixed width at fixed places only, so once one of them was read, all that are laid out like it are read
together: their frames compared, their checks made and their values held against the same bounds. Whatever differs in
anything else is left to be read by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from schemas import voiceprint
from schemas.voiceprint import CHECK_BYTES, HEADER, NO_SPEECH, Voiceprint

# What a voiceprint holds beside its vector and what is the same for all of a model; in memory, and in containers.
_VALUES = [
    ("speech", ">f8"),
    ("recording", ">f8"),
    ("rate", ">u4"),
    ("channel", ">u4"),
    ("media", "S32"),
    ("created", ">u8"),
    ("merged", ">u4"),
    ("quality", "S32"),
]
_VALUES_TYPE = np.dtype([(name, kind.replace(">", "=").replace("S", "V")) for name, kind in _VALUES])
_FLAGS, _VECTOR, _CHECK, _BEFORE, _BEHIND = "flags", "vector", "check", "before", "behind"
_FLAGS_PLACE = 5


@dataclass(frozen=True, slots=True, eq=False)
class Voiceprints:
    """Voiceprints that share `model`, `model_sha256`, `space` and `extras`.

    `vectors` is float32 of shape (n, dimension), zeros where there is no speech. `values` (n,) holds the rest of each
    by its name in the container.
    """

    model: str
    model_sha256: bytes
    space: str
    extras: Mapping[str, Any]
    vectors: npt.NDArray[np.float32]
    values: npt.NDArray[np.void]

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def speech_lengths(self) -> npt.NDArray[np.float64]:
        """Seconds of net speech, shape (n,)."""
        found: npt.NDArray[np.float64] = self.values["speech"]
        return found

    @property
    def spoken(self) -> npt.NDArray[np.bool_]:
        """Which of them have speech, shape (n,)."""
        return np.asarray(self.vectors.any(axis=1))

    @classmethod
    def of(cls, one: Voiceprint) -> Self:
        """The one alone."""
        values = np.empty(1, _VALUES_TYPE)
        values[0] = (
            one.speech_length,
            one.recording_length,
            one.sample_rate,
            one.channel_number,
            one.media_sha256,
            one.created_ms,
            one.merged,
            one.quality,
        )
        return cls(one.model, one.model_sha256, one.space, one.extras, one.vector[np.newaxis], values)

    def part(self, which: slice) -> "Voiceprints":
        """Some of them."""
        return Voiceprints(
            self.model, self.model_sha256, self.space, self.extras, self.vectors[which], self.values[which]
        )

    def each(self) -> Iterator[Voiceprint]:
        """One after the other."""
        for vector, row in zip(self.vectors, self.values, strict=True):
            speech, recording, rate, channel, media, created, merged, quality = row.item()
            yield Voiceprint(
                model=self.model,
                model_sha256=self.model_sha256,
                space=self.space,
                vector=vector,
                speech_length=speech,
                recording_length=recording,
                sample_rate=rate,
                channel_number=channel,
                media_sha256=bytes(media),
                created_ms=created,
                merged=merged,
                quality=bytes(quality),
                extras=self.extras,
            )


def told_apart(vectors: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which of `vectors` (n, dimension) have finite values only, and which any but zeros."""
    with np.errstate(all="ignore"):
        squares = np.vecdot(vectors, vectors)
        # A sum of squares that is finite and not zero tells both at once; what it cannot tell is looked at closely.
        finite = np.isfinite(squares)
        spoken = squares != 0
    unclear = np.flatnonzero(~finite | ~spoken)
    if len(unclear):
        finite[unclear] = np.isfinite(vectors[unclear]).all(axis=1)
        spoken[unclear] = vectors[unclear].any(axis=1)
    return finite, spoken


class Layout:
    """Where things are in containers like `container`, which was found to hold `like` under `key`, the key of its
    signature, None where there is none."""

    def __init__(self, container: bytes, like: Voiceprint, key: bytes | None) -> None:
        self.size = len(container)
        self._like, self._key = like, key
        self._places = _places(container, like)
        self._example = np.frombuffer(container, self._places)[0]
        # Ones where there are bits that all have alike.
        alike = np.full(self.size, 0xFF, np.uint8)
        for name in (_FLAGS, _VECTOR, *(name for name, _ in _VALUES), _CHECK):
            alike.view(self._places)[name] = np.zeros((), self._places[name])
        self._alike = alike.view(self._places)[0]

    @classmethod
    def of(cls, container: bytes, like: Voiceprint, key: bytes | None) -> Self | None:
        """None where `container` is not laid out as version 1 is written, though it can be read."""
        written = voiceprint.encode(like)
        inner = slice(HEADER.size, -CHECK_BYTES)
        return cls(container, like, key) if written[inner] == container[inner] else None

    def read(self, containers: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.bool_], Voiceprints]:
        """Which of `containers`, shape (n, size), are good and laid out like this; and those."""
        containers = np.ascontiguousarray(containers)
        rows = containers.view(self._places)[:, 0]
        vectors = np.ascontiguousarray(rows[_VECTOR])
        good = self._checked(rows, containers)
        for name in (_BEFORE, _BEHIND):
            differing = (rows[name] ^ self._example[name]) & self._alike[name]
            good &= np.bitwise_or.reduce(differing, axis=1) == 0
        flags = rows[_FLAGS]
        good &= (flags | NO_SPEECH) == (self._example[_FLAGS] | NO_SPEECH)
        finite, spoken = told_apart(vectors)
        good &= finite & (spoken == (flags & NO_SPEECH == 0))
        with np.errstate(invalid="ignore"):  # some NaN are told of when they are compared
            for name in ("speech", "recording"):
                good &= np.isfinite(rows[name]) & (rows[name] >= 0)
        for name in ("rate", "merged"):
            good &= rows[name] > 0
        values = np.empty(len(rows), _VALUES_TYPE)
        for name, _ in _VALUES:
            values[name] = rows[name]
        if not good.all():
            vectors, values = vectors[good], values[good]
        like = self._like
        return good, Voiceprints(like.model, like.model_sha256, like.space, like.extras, vectors, values)

    def _checked(self, rows: npt.NDArray[np.void], containers: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Which of them have the check that belongs to their content; it takes as long for any."""
        view, framed, key = containers.reshape(-1).data, self.size - CHECK_BYTES, self._key
        starts = range(0, len(view), self.size)
        made = b"".join([voiceprint.check(view[start : start + framed], key) for start in starts])
        differing = rows[_CHECK] ^ np.frombuffer(made, "<u8").reshape(-1, CHECK_BYTES // 8)
        matching: npt.NDArray[np.bool_] = np.bitwise_or.reduce(differing, axis=1) == 0
        return matching


def _places(container: bytes, like: Voiceprint) -> np.dtype[np.void]:
    """A container as a record: what may differ by its name, and all before and behind the vector, in words."""
    ends, size = voiceprint.ends(like), len(container)
    fields: list[tuple[str, np.dtype[Any], int]] = [
        (_FLAGS, np.dtype("u1"), _FLAGS_PLACE),
        (_CHECK, np.dtype(("<u8", (CHECK_BYTES // 8,))), size - CHECK_BYTES),
    ]
    for name, kind in ((_VECTOR, f"({like.dimension},)<f4"), *_VALUES):
        found = np.dtype(kind.replace("S", "V"))
        fields.append((name, found, ends[name] - found.itemsize))
    # In whole words, of which one may reach into the vector.
    before, behind = (-(-bytes_ // 8) for bytes_ in (ends[_VECTOR] - 4 * like.dimension, size - ends[_VECTOR]))
    fields.append((_BEFORE, np.dtype(("<u8", (before,))), 0))
    fields.append((_BEHIND, np.dtype(("<u8", (behind,))), size - 8 * behind))
    names, formats, offsets = zip(*fields, strict=True)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
