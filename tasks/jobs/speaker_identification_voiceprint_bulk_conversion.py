"""A stream of voiceprints to their vectors, batch by batch: what is held is a batch, however long the stream is. No
network runs."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO, cast

import numpy as np

from onnx_models.passage import Stopped
from schemas import arrow, cells, formats
from schemas.arrow_frames import CONTINUES, look_through
from schemas.bounded import BLOCK_BYTES, BLOCK_ROWS
from schemas.converted import Block, Pair, pack
from schemas.errors import ConfigurationError, TaskInternalError, TaskRefusal, TaskValidationError, VoiceprintError
from schemas.formats import Asked, Fault, Floats, Rows, Vectors
from schemas.formats.raw_floats import KINDS
from schemas.signatures import Signatures
from schemas.technologies.speaker_identification_voiceprint_bulk_conversion import BulkConversionParameters
from schemas.voiceprint_columns import told_apart
from tasks.bulk.conversion import VOICEPRINT, Conversion, Form, fitting
from tasks.jobs import Work
from tasks.vectors import not_signed


def run(work: Work) -> Iterator[bytes]:
    """Raises TaskValidationError for a body that cannot be read to its end, and names the row where that is."""
    return pack(_blocks(work, cast("BulkConversionParameters", work.parameters)))


def _blocks(work: Work, parameters: BulkConversionParameters) -> Iterator[Block]:
    converter, first = _Converter(parameters, work.signatures), 0
    for batch in _batches(_rows(work.input, Asked(parameters.column, parameters.key))):
        if work.stop():
            raise Stopped("the conversion was stopped")
        block = converter.block(batch, first)
        first += len(block.codes)
        yield block


def _rows(body: BinaryIO, asked: Asked) -> Iterator[Rows]:
    """Those of the body, by its content."""
    kind, row = "ndjson", 0
    try:
        if body.read(len(CONTINUES)) == CONTINUES:
            kind = "arrow"
            look_through(body)
        body.seek(0)
        for rows in formats.formats()[kind].read(body, asked):
            yield rows
            row += _size(rows)[0]
    except VoiceprintError as error:
        raise TaskValidationError(
            f"the body cannot be read on from row {row}: {error.message}", [error.at("body", row)]
        ) from error
    except ConfigurationError as error:
        raise TaskInternalError(error.message) from error


def _batches(rows: Iterable[Rows]) -> Iterator[list[Rows]]:
    """Rows that are converted together, not many more than are read together."""
    held, count, size = list[Rows](), 0, 0
    for one in rows:
        held.append(one)
        count, size = (before + more for before, more in zip((count, size), _size(one), strict=True))
        if count >= BLOCK_ROWS or size >= BLOCK_BYTES:
            yield held
            held, count, size = [], 0, 0
    if held:
        yield held


def _size(rows: Rows) -> tuple[int, int]:
    """How many they are, and what they take in bytes."""
    if isinstance(rows, Fault):
        return 1, len(rows.key or "")
    held = rows.vectors if isinstance(rows, Vectors) else rows.cells
    return len(held), sum(map(len, held)) if isinstance(held, list) else held.nbytes


class _Converter:
    """Makes blocks of batches; all vectors have one number of values, which the first good one tells if nobody did."""

    def __init__(self, parameters: BulkConversionParameters, signatures: Signatures) -> None:
        self._asked, self._signatures = parameters, signatures
        self._reader = cells.Reader(signatures, KINDS[parameters.raw] if parameters.raw else None)
        self._tables = Conversion(Form(1), signatures=signatures, raw=parameters.raw)
        self._dimension = parameters.dimension

    def block(self, batch: list[Rows], first: int) -> Block:
        """The rows of `batch`, the first of which is number `first` of the body."""
        made, found, count = _Made(), list[cells.Found](), 0
        for rows in batch:
            if isinstance(rows, Fault):
                made.refuse([count], rows.error)
            else:
                found += self._readable(rows, count, made)
            count += _size(rows)[0]
        if self._dimension is None:
            good = [
                (int(places[0]), one.vectors.shape[1])
                for one in found
                if len(places := one.places[np.logical_and(*told_apart(one.vectors))])
            ]
            self._dimension = min(good)[1] if good else None
        for one in found:
            made.take(one, self._form(self._dimension or one.vectors.shape[1]))
        return made.block(first, count, _keys(batch))

    def _readable(self, rows: Rows, start: int, made: "_Made") -> Iterator[cells.Found]:
        for one in self._read(rows):
            if isinstance(one, cells.Unusable):
                made.refuse([start + one.place], one.error)
            elif one.space is None and self._signatures.required:
                made.refuse((one.places + start).tolist(), not_signed())
            else:
                yield replace(one, places=one.places + start)

    def _read(self, rows: Rows) -> Iterator[cells.Found | cells.Unusable]:
        held = rows.vectors if isinstance(rows, Vectors) else rows.cells  # type: ignore[union-attr]
        if isinstance(held, np.ndarray):
            yield cells.Found(np.arange(len(held)), held)
        elif isinstance(held, list):
            yield from self._reader.read(cells.Column.of(held))
        else:
            yield from self._tables.read(arrow.pyarrow().RecordBatch.from_arrays([held], [VOICEPRINT]))

    def _form(self, dimension: int) -> Form:
        asked = self._asked
        return Form(dimension, asked.model_name, asked.normalise, asked.to_dimension)


class _Made:
    """The rows of one block."""

    def __init__(self) -> None:
        self._names, self._errors = dict[Pair, int](), dict[Pair, int]()
        self._refused = dict[int, int]()
        self._taken: list[tuple[Any, int, Floats]] = []

    def refuse(self, places: Iterable[int], error: TaskRefusal) -> None:
        which = self._errors.setdefault((error.kind, error.message), len(self._errors))
        self._refused |= dict.fromkeys(places, which)

    def take(self, found: cells.Found, form: Form) -> None:
        """Those of `found` that have the form; the others are refused."""
        places, vectors = fitting(found, form, self.refuse)
        if len(places):
            self._taken.append((places, self._names.setdefault(form.names(found), len(self._names)), vectors))

    def block(self, first: int, count: int, keys: list[str | None] | None) -> Block:
        codes = np.full(count, np.iinfo(np.int32).max, np.int32)
        codes[list(self._refused)] = [~which for which in self._refused.values()]
        for places, which, _ in self._taken:
            codes[places] = which
        vectors = np.zeros((0, 0), np.float32)
        if self._taken:
            vectors = np.concatenate([vectors for _, _, vectors in self._taken])
            order = np.concatenate([places for places, *_ in self._taken])
            if len(self._taken) > 1:
                vectors = vectors[np.argsort(order)]
        return Block(first, keys, list(self._names), list(self._errors), codes, vectors)


def _keys(batch: list[Rows]) -> list[str | None] | None:
    """Of all rows, None where none has one."""
    keys: list[str | None] = []
    for rows in batch:
        if isinstance(rows, Fault):
            keys.append(rows.key)
        elif rows.keys is None:
            keys += [None] * _size(rows)[0]
        else:
            keys += rows.keys if isinstance(rows.keys, list) else _texts(rows.keys)
    return keys if any(key is not None for key in keys) else None


def _texts(keys: Any) -> list[str | None]:
    """Those of an Arrow array, in which nobody has looked for UTF-8."""
    return [key if key is None else formats.text(key) for key in arrow.untexted(keys).to_pylist()]
