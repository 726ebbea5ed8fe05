"""From a recording to its voiceprints."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from onnx_models import batcher, media, registry, scoring, stages
from onnx_models.batcher import Network, Processor
from onnx_models.blocks import Samples, reblocked
from onnx_models.families import Framing, Window, open_family
from onnx_models.fill import Fill
from onnx_models.gathering import Gathering
from onnx_models.media import ChannelMode, MediaLimits, Recording, Source
from onnx_models.passage import Passage, until_stopped
from onnx_models.quality import QualityMeter
from onnx_models.registry import SpeakerCard
from onnx_models.session import NoNetwork, OnnxSession, Session, open_session
from onnx_models.speech import SpeechDetector
from onnx_models.spreading import Spreading, cores
from onnx_models.stages import FRONT_END, NETWORK, QUALITY, stage, staged
from onnx_models.turn import Turn
from schemas.voiceprint import Voiceprint

# Speech of one recording that goes through the network at once, seconds. With windows of 1.6 s that is 6 of them on a
# CPU: its matrix products go by 6 rows, and 6 windows are a tenth faster than 16, also in 8 bits.
_BATCH_SECONDS = {"cpu": 9.6, "cuda": 102.4}

# Speech on which speed is measured at start: enough for a few batches of any model.
_MEASURED_SECONDS = 12.8


class Extractor:
    """An open speaker model with its voice activity detector. Threads may call it side by side: whoever has the turn
    computes, while the decoders of the others read on. What comes of a recording does not depend on them."""

    def __init__(
        self,
        card: SpeakerCard,
        session: Session,
        detector: SpeechDetector,
        mean: scoring.Vectors,
        limits: MediaLimits,
        *,
        turn: Turn | None = None,
        spreading: Spreading | None = None,
    ) -> None:
        self.card, self.device = card, session.device
        self._detector, self._mean, self._limits = detector, mean, limits
        self._turn = turn or Turn()
        framing = Framing(card.sample_rate, card.window_seconds, card.hop_seconds)
        self._new_front_end = open_family(card.family, framing, card.family_options)
        self._batch = card.windows_at_once or max(1, round(_BATCH_SECONDS[session.device] / card.window_seconds))
        self._even = card.even_batches and session.device == "cpu"
        self.fill = Fill(self._batch)
        self._network: Network = (
            Gathering(session, card.output, self._batch, waiting=self._turn.left, ran=self.fill.ran)
            if isinstance(session, OnnxSession) and session.device != "cpu"
            else Processor(session, card.output, spreading or Spreading(1), self.fill.ran)
        )

    @classmethod
    def open(
        cls,
        model: str = registry.DEFAULT_MODEL,
        *,
        models_dir: Path,
        device: str = "auto",
        limits: MediaLimits | None = None,
        threads: int | None = None,
        mean: scoring.Vectors | None = None,
        turn: Turn | None = None,
        spreading: Spreading | None = None,
    ) -> "Extractor":
        """The verified model `model` from `models_dir`, on `device` (auto, cpu or cuda).

        The network's work on one long recording is spread over `threads` threads, by default one for each core; those
        beyond the caller's take only what nobody else wants of the processor. Extractors that are used side by side
        share `turn` and `spreading`. `mean`, shape (dimension,), takes the place of the card's own: zeros give vectors
        that are not centred. Raises ConfigurationError when something is not installed, damaged or not available.
        """
        card = registry.speaker_card(model, models_dir)
        media.start()
        voice_activity = registry.card(registry.VOICE_ACTIVITY_MODEL)
        path = None if card.file is None else registry.verify(card, models_dir)
        session = NoNetwork() if path is None else open_session(path, device)
        # One small step after the other: a GPU would only add its latency.
        listener = open_session(registry.verify(voice_activity, models_dir), "cpu")
        return cls(
            card,
            session,
            SpeechDetector(listener, card.sample_rate),
            registry.load_mean(card) if mean is None else mean,
            limits or MediaLimits(),
            turn=turn,
            spreading=spreading or Spreading(threads or cores()),
        )

    def speed(self) -> float:
        """How many seconds of speech front end and network work through in one second, measured after a warm-up."""
        speech = np.random.default_rng(0).normal(0, 0.1, round(_MEASURED_SECONDS * self.card.sample_rate))
        blocks = list(reblocked([speech.astype(np.float32)], self.card.sample_rate))
        with self._turn.taken():
            self._embed(blocks, _never)
            start = time.perf_counter()
            self._embed(blocks, _never)
            took = time.perf_counter() - start
        # These are nobody's recordings.
        self.fill.taken()
        return _MEASURED_SECONDS / took

    def extract(
        self,
        source: Source,
        *,
        channel_mode: ChannelMode = "split",
        channels: Sequence[int] | None = None,
        max_speech_length: float | None = None,
        range_from: float | None = None,
        range_to: float | None = None,
        created_ms: int | None = None,
        media_sha256: bytes | None = None,
        listened: Callable[[float], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> list[Voiceprint]:
        """The voiceprints of the recording `source`, one per channel, or one in all when `channel_mode` is `mix`.

        `source` is a path, or an open, unbuffered file that is read from its start and stays open.
        `channels` counts from 0, None means all; `max_speech_length` in seconds ends the reading once so much speech
        was found; only what lies from `range_from` to `range_to` seconds is listened to; `created_ms` and
        `media_sha256` go into the voiceprints and default to now and the file's own. `listened` is told for each of
        them how many seconds were listened to: from the start of the range until enough speech was found, or to the end
        of the range or of the recording. `stop` is asked between blocks. The same recording gives the same vectors, bit
        for bit.

        Raises the MediaError that says why a recording cannot be taken, Stopped when `stop` says so.
        """
        recording = Recording(source, self._limits, stop, self._turn.left_for)
        selections = recording.selections(channel_mode, channels)
        digest = media.sha256(source) if media_sha256 is None else media_sha256
        created = time.time_ns() // 1_000_000 if created_ms is None else created_ms
        voiceprints = []
        for selection in selections:
            meter = QualityMeter(recording.info.sample_rate, len(selection), range_from or 0.0, range_to)
            samples = recording.samples(selection, self.card.sample_rate, meter.push)
            passage = Passage(self.card.sample_rate, range_from or 0.0, range_to)
            signal = passage.of(until_stopped(samples, stop or _never))
            with self._turn.taken():
                vector, speech_samples = self._embed(
                    self._spoken(signal, max_speech_length, passage, meter), stop or _never
                )
                with stage(QUALITY):
                    quality = meter.finish()
            stages.heard(passage.length)
            if listened is not None:
                listened(passage.length)
            voiceprints.append(
                Voiceprint(
                    model=self.card.name,
                    model_sha256=bytes.fromhex(self.card.sha256),
                    space=self.card.space,
                    vector=vector,
                    speech_length=speech_samples / self.card.sample_rate,
                    recording_length=recording.length,
                    sample_rate=recording.info.sample_rate,
                    channel_number=selection[0] if channel_mode == "split" else 0,
                    media_sha256=digest,
                    created_ms=created,
                    quality=quality.pack(),
                )
            )
        return voiceprints

    def _spoken(
        self, signal: Iterable[Samples], max_speech_length: float | None, passage: Passage, meter: QualityMeter
    ) -> Iterator[Samples]:
        """The speech of `signal`, up to `max_speech_length` seconds of it; `meter` is told where it is, and both when
        that was enough."""
        rate = self.card.sample_rate
        missing = None if max_speech_length is None else round(max_speech_length * rate)
        for part in self._detector.speech(signal):
            samples = part.samples[:missing]
            meter.speech(part.start / rate, (part.start + len(samples)) / rate)
            yield samples
            if missing is not None:
                missing -= len(samples)
                if missing <= 0:
                    meter.given_up()
                    passage.left_at(part.start + len(samples))
                    return

    def _embed(self, speech: Iterable[Samples], stop: Callable[[], bool]) -> tuple[scoring.Vectors, int]:
        """The vector of what is spoken (zeros for nothing) and how many samples it stands for."""
        front_end = self._new_front_end()
        heard = 0

        def windows() -> Iterator[Window]:
            nonlocal heard
            for samples in speech:
                heard += len(samples)
                yield from front_end.push(samples)
            if heard:
                yield from front_end.finish()

        total, count = np.zeros(self.card.dimension), 0
        batches = batcher.batches(staged(FRONT_END, windows()), self._batch, even=self._even)
        embedded = staged(NETWORK, self._network.vectors(batches))
        for vectors in self._turn.shared(until_stopped(embedded, stop)):
            total += (scoring.unit(vectors) if self.card.unit_length else vectors).sum(axis=0)
            count += len(vectors)
        if not count:
            return np.zeros(self.card.dimension, np.float32), 0
        if not self.card.unit_length:
            return (total / count - self._mean).astype(np.float32), heard
        return scoring.centred(total / count, self._mean), heard


def _never() -> bool:
    return False
