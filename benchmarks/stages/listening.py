"""What a worker does with recordings, taken apart: every stage by itself on what the one before has made."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import msgpack
import numpy as np
import pybase64
import soundfile
import soxr

from benchmarks.arithmetic import operations
from benchmarks.processes import processor_seconds
from benchmarks.stages.stage import Limit, Stage
from onnx_models import registry
from onnx_models.blocks import Samples
from onnx_models.extractor import Extractor
from onnx_models.families import Framing, Window, open_family
from onnx_models.media import MediaLimits, Recording
from onnx_models.quality import QualityMeter
from onnx_models.registry import SpeakerCard
from onnx_models.session import open_session
from onnx_models.speech import FRAME, RATE, Speech, SpeechDetector
from schemas.quality import DEFAULT_THRESHOLDS
from schemas.signatures import UNSIGNED
from schemas.technologies import speaker_identification_voiceprint_extraction as technology
from schemas.voiceprint import Voiceprint

# Of what is resampled: telephone speech, as long as the recordings.
_TELEPHONE_RATE = 8000
_CONTEXT, _STATE = 64, (1, 1, 128)
_FRAMES_AT_ONCE = 512
_EIGHT_BITS = "-int8"
_BLOCK = 1 << 16
_TAPER, _HOP = 400, 160
_FILTERS = np.ones((_TAPER // 2 + 1, 40), np.float32)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Heard:
    """A recording with what every stage makes of it, for the next one."""

    path: Path
    blocks: Sequence[Samples]
    narrow: Sequence[Samples]
    speech: Sequence[Speech]
    windows: Sequence[Window]
    voiceprint: Voiceprint


class Listening:
    """The stages of one speaker model, on recordings at its sample rate.

    Raises ConfigurationError where it is not installed.
    """

    def __init__(self, card: SpeakerCard, models_dir: Path) -> None:
        self._card, self._models_dir = card, models_dir
        self._detector_file = registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), models_dir)
        self._detector = SpeechDetector(open_session(self._detector_file, "cpu"), card.sample_rate)
        self._network_file = registry.verify(card, models_dir)
        self._network = open_session(self._network_file, "cpu")
        framing = Framing(card.sample_rate, card.window_seconds, card.hop_seconds)
        self._new_front_end = open_family(card.family, framing, card.family_options)
        self._extractor = Extractor.open(card.name, models_dir=models_dir, device="cpu")
        self._batch = self._extractor.fill.size

    def stages(self, paths: Sequence[Path]) -> list[Stage]:
        """Of the recordings at `paths`, in the order in which a worker comes to them."""
        heard = [self._heard(path) for path in paths]
        whole_process = partial(processor_seconds, os.getpid())
        return [
            Stage(
                "decode",
                _each(self._decoded, paths),
                Limit("libsndfile in process", _each(_read, paths)),
                whole_process,
            ),
            Stage(
                "resample",
                _each(self._resampled, heard),
                Limit("soxr in one piece", _each(self._resampled_at_once, heard)),
            ),
            Stage("voice activity", _each(self._listened, heard), self._detector_limit(heard)),
            Stage("quality", _each(self._judged, heard), None),
            Stage("front end", _each(self._framed, heard), Limit("spectra and bands alone", _each(_spectra, heard))),
            Stage("network", _each(self._embedded, heard), self._network_limit(heard)),
            Stage("container", _each(_packed, heard), Limit("msgpack and Base64 alone", _each(_wrapped, heard))),
        ]

    def whole(self, paths: Sequence[Path]) -> Stage:
        """All of them at once, as the extraction goes."""
        return Stage(
            "extraction in process",
            _each(self._extractor.extract, paths),
            None,
            partial(processor_seconds, os.getpid()),
        )

    def _heard(self, path: Path) -> _Heard:
        blocks = list(self._decoded(path))
        narrow = soxr.resample(np.concatenate(blocks), self._card.sample_rate, _TELEPHONE_RATE)
        size = len(blocks[0]) * _TELEPHONE_RATE // self._card.sample_rate
        speech = list(self._detector.speech(blocks))
        (voiceprint,) = self._extractor.extract(path, channel_mode="mix")
        return _Heard(
            path,
            blocks,
            np.split(narrow, range(size, len(narrow), size)),
            speech,
            list(self._windows(speech)),
            voiceprint,
        )

    def _decoded(self, path: Path) -> list[Samples]:
        recording = Recording(path, MediaLimits())
        (selection,) = recording.selections("mix")
        return list(recording.samples(selection, recording.info.sample_rate))

    def _resampled(self, one: _Heard) -> None:
        resampler = soxr.ResampleStream(_TELEPHONE_RATE, self._card.sample_rate, 1, dtype="float32", quality="HQ")
        for block in one.narrow:
            resampler.resample_chunk(block)
        resampler.resample_chunk(np.empty(0, np.float32), last=True)

    def _resampled_at_once(self, one: _Heard) -> None:
        soxr.resample(np.concatenate(one.narrow), _TELEPHONE_RATE, self._card.sample_rate, quality="HQ")

    def _listened(self, one: _Heard) -> list[Speech]:
        return list(self._detector.speech(one.blocks))

    def _detector_limit(self, heard: Sequence[_Heard]) -> Limit:
        shapes = {"input": (_FRAMES_AT_ONCE, FRAME + _CONTEXT), "h": _STATE, "c": _STATE}
        frames = sum(sum(map(len, one.blocks)) for one in heard) * RATE // self._card.sample_rate // FRAME
        return Limit("matrix product", operations=operations(self._detector_file, shapes) // _FRAMES_AT_ONCE * frames)

    def _judged(self, one: _Heard) -> None:
        """Speech is told as soon as it has passed, as a recording goes by."""
        meter, passed, waiting = QualityMeter(self._card.sample_rate), 0, iter(one.speech)
        part = next(waiting, None)
        for block in one.blocks:
            meter.push(block[:, np.newaxis])
            passed += len(block)
            while part is not None and part.end <= passed:
                meter.speech(part.start / self._card.sample_rate, part.end / self._card.sample_rate)
                part = next(waiting, None)
        meter.finish()

    def _framed(self, one: _Heard) -> None:
        for _ in self._windows(one.speech):
            pass

    def _windows(self, speech: Iterable[Speech]) -> Iterator[Window]:
        front_end = self._new_front_end()
        for part in speech:
            yield from front_end.push(part.samples)
        yield from front_end.finish()

    def _embedded(self, one: _Heard) -> None:
        output = self._card.output if isinstance(self._card.output, str) else self._network.outputs[self._card.output]
        for _, alike in groupby(one.windows, key=lambda window: [part.shape for part in window]):
            windows = list(alike)
            for start in range(0, len(windows), self._batch):
                parts = zip(*windows[start : start + self._batch], strict=True)
                inputs = dict(zip(self._network.inputs, map(np.stack, parts), strict=True))
                self._network.run((output,), inputs)

    def _network_limit(self, heard: Sequence[_Heard]) -> Limit:
        """By the network in 32 bits, which takes as many operations."""
        card = registry.speaker_card(self._card.name.removesuffix(_EIGHT_BITS), self._models_dir)
        windows = [window for one in heard for window in one.windows]
        inputs = {name: (1, *part.shape) for name, part in zip(self._network.inputs, windows[0], strict=True)}
        each = operations(registry.verify(card, self._models_dir), inputs)
        return Limit("matrix product", operations=each * len(windows))


def _each(work: Callable[[T], object], items: Sequence[T]) -> Callable[[], None]:
    def all_of_them() -> None:
        for item in items:
            work(item)

    return all_of_them


def _read(path: Path) -> None:
    for _ in soundfile.blocks(path, blocksize=_BLOCK, dtype="float32"):
        pass


def _spectra(one: _Heard) -> None:
    """The least that mel bands take: frames, their spectra and one product."""
    for part in one.speech:
        if len(part.samples) >= _TAPER:
            frames = np.lib.stride_tricks.sliding_window_view(part.samples, _TAPER)[::_HOP]
            spectra = np.fft.rfft(frames)
            np.matmul(np.square(np.abs(spectra)), _FILTERS)


def _packed(one: _Heard) -> None:
    technology.pack(
        [UNSIGNED.encode(one.voiceprint)],
        include_vector=False,
        judgements=[technology.judged(one.voiceprint, DEFAULT_THRESHOLDS)],
        processed=[one.voiceprint.recording_length],
    )


def _wrapped(one: _Heard) -> None:
    pybase64.b64encode(msgpack.packb([one.voiceprint.model, one.voiceprint.vector.tobytes()]))
