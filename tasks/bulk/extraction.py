"""Recordings to voiceprints, several at a time, as the service makes them: each is decoded in a confined process.

A channel of a recording has a voiceprint or the reason why it has none; a recording that cannot be listened to has one
reason for all. What comes of a recording does not depend on the others, nor does its place.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from onnx_models.served import Served
from schemas import arrow, quality
from schemas.errors import TaskInternalError, TaskRefusal, VoiceprintNoSpeech
from schemas.quality import DEFAULT_THRESHOLDS, Thresholds
from schemas.signatures import UNSIGNED, Signatures
from schemas.technologies.speaker_identification_voiceprint_extraction import ExtractionParameters, judged
from schemas.voiceprint import Voiceprint, to_base64
from tasks.bulk import batches
from tasks.bulk.batches import CHANNEL, KEY, ROW, SOURCE
from tasks.bulk.conversion import FAULT, KIND, MODEL, SPACE, VECTOR, VOICEPRINT, Form, added
from tasks.bulk.recordings import Recorded, opened
from tasks.bulk.work import Done

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# What was measured, as the service calls it.
_FIGURES = ("clipping_share", "level_dbfs", "snr_db", "bandwidth_hertz")
# Recordings whose channels come together in a batch.
_TOGETHER = 16
# For each recording under way, how many may be done and wait for one before them.
_AHEAD = 4
_NO_SPEECH = "there is no speech, so there is no vector"


@dataclass(frozen=True, slots=True)
class Told:
    """What is said in a voiceprint and of it: when it was asked for, in milliseconds since 1970 UTC; with what it is
    signed; and what a good recording is."""

    created_ms: int
    signatures: Signatures = UNSIGNED
    thresholds: Thresholds = DEFAULT_THRESHOLDS


@dataclass(frozen=True, slots=True)
class _Channel:
    """A row: the voiceprint of a channel, with its container, or why there is none."""

    recorded: Recorded
    found: Voiceprint | None = None
    container: bytes = b""
    error: TaskRefusal | None = None

    def of_speech(self, value: Callable[[Voiceprint], Any]) -> Any:
        """A value of the voiceprint, None where there is none that is of use."""
        return None if self.found is None or self.error is not None else value(self.found)


class Extraction:
    """Recordings to batches of voiceprints, by the default model of `served`."""

    def __init__(self, served: Served, parameters: ExtractionParameters, told: Told) -> None:
        self._extractor, self._at_once = served.extractor(), served.attempts_at_once
        self._parameters, self._told = parameters, told

    def done(self, recordings: Iterable[Recorded]) -> Iterator[Done]:
        """What comes of recordings, in their order: batches with the columns of `fields`, and those of faults.

        Several are under way at any time, so that neither decoders nor networks wait, and a GPU's batches are full.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(self._at_once, "recording") as pool:
            try:
                heard = _in_order(pool, lambda one: self._heard(one, stop.is_set), recordings, _AHEAD * self._at_once)
                while together := list(islice(heard, _TOGETHER)):
                    rows = [channel for channels in together for channel in channels]
                    yield Done(rows[-1].recorded.path, len(together), self._batch(rows))
            finally:
                stop.set()

    def _heard(self, recorded: Recorded, stop: Callable[[], bool]) -> list[_Channel]:
        """A row for each channel, or one where a recording cannot be listened to: whatever it is, others go on."""
        asked = self._parameters
        try:
            with opened(recorded.media) as file:
                voiceprints = self._extractor.extract(
                    file,
                    channel_mode=asked.channel_mode,
                    channels=asked.channels,
                    max_speech_length=asked.max_speech_length,
                    range_from=asked.range_from,
                    range_to=asked.range_to,
                    created_ms=self._told.created_ms,
                    stop=stop,
                )
            return [self._row(recorded, one) for one in voiceprints]
        except TaskRefusal as error:
            return [_Channel(recorded, error=error)]
        # Nobody can foresee what a file does to a library.
        except Exception as error:
            return [_Channel(recorded, error=TaskInternalError(f"{type(error).__name__}: {error}"))]

    def _row(self, recorded: Recorded, found: Voiceprint) -> _Channel:
        if not found.has_speech:
            return _Channel(recorded, found, error=VoiceprintNoSpeech(_NO_SPEECH))
        return _Channel(recorded, found, self._told.signatures.encode(found))

    def _batch(self, rows: Sequence[_Channel]) -> Any:
        pa, form = arrow.pyarrow(), Form(self._extractor.card.dimension)
        quality = [one.of_speech(self._quality) or {} for one in rows]
        vectors = [one.of_speech(lambda found: found.vector) for one in rows]
        nothing = np.zeros(form.dimension, np.float32)
        values = np.concatenate([nothing if vector is None else vector for vector in vectors])
        columns = {
            SOURCE: [one.recorded.path for one in rows],
            ROW: [one.recorded.row for one in rows],
            KEY: [one.recorded.key for one in rows],
            CHANNEL: [None if one.found is None else one.found.channel_number for one in rows],
            MODEL: [one.of_speech(lambda found: found.model) for one in rows],
            SPACE: [one.of_speech(lambda found: found.space) for one in rows],
            VECTOR: pa.FixedSizeListArray.from_arrays(
                pa.array(values), type=form.type(), mask=pa.array([vector is None for vector in vectors])
            ),
            VOICEPRINT: [to_base64(one.container) or None for one in rows],
            "speech_length": [one.of_speech(lambda found: found.speech_length) for one in rows],
            "recording_length": [one.of_speech(lambda found: found.recording_length) for one in rows],
            "quality": [one.get("verdict") for one in quality],
            **{name: [one.get(name) for one in quality] for name in _FIGURES},
            "sha256": [one.of_speech(lambda found: found.media_sha256.hex()) for one in rows],
            KIND: [one.error and one.error.kind for one in rows],
            FAULT: [one.error and one.error.message for one in rows],
        }
        schema = pa.schema([*fields(form), *((name, pa.string()) for name in (KIND, FAULT))])
        arrays = [_array(columns[field.name], field.type) for field in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _quality(self, found: Voiceprint) -> dict[str, Any] | None:
        """As the service shows it."""
        measured, judgement = quality.unpack(found.quality), judged(found, self._told.thresholds)
        if measured is None or judgement is None:
            return None
        return quality.shown(measured, found.speech_length, judgement)


def fields(form: Form) -> list[Any]:
    """Those of a voiceprint. A figure that could not be measured is null."""
    pa = arrow.pyarrow()
    names, kinds = pa.dictionary(pa.int32(), pa.string()), {one.name: one for one in added(form)}
    told = {
        VOICEPRINT: pa.string(),
        "speech_length": pa.float64(),
        "recording_length": pa.float64(),
        "quality": names,
        **dict.fromkeys(_FIGURES, pa.float64()),
        "sha256": pa.string(),
    }
    return [
        *batches.fields(),
        pa.field(CHANNEL, pa.int32()),
        *(kinds[name] for name in (MODEL, SPACE, VECTOR)),
        *(pa.field(name, kind) for name, kind in told.items()),
    ]


def _array(values: Any, kind: Any) -> Any:
    pa = arrow.pyarrow()
    if not isinstance(values, list):
        return values
    return pa.array(values, pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(values, kind)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item], most: int
) -> Iterator[_Result]:
    """`work` of every item, in their order; `most` may be under way or wait for one before them."""
    waiting: deque[Future[_Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) == most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()
