"""sherpa-onnx's whole job, in an environment of its own: a path on every line of standard input, and for each
that is done a line with the seconds of speech that were embedded.

    python sherpa_onnx_job.py THREADS DETECTOR MODEL SECONDS

DETECTOR and MODEL are ONNX files. Speech goes through the model in passages of at most SECONDS, of which the embedding
of a recording is the mean: as much as the appliance gives the same network, and one pass where a recording is short.
"""

import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import sherpa_onnx
import soundfile

_RATE = 16_000

Samples = npt.NDArray[np.float32]


def main(threads: int, detector_file: str, model_file: str, seconds: float) -> None:
    settings = sherpa_onnx.VadModelConfig()
    settings.silero_vad.model = detector_file
    settings.num_threads = threads
    detector = sherpa_onnx.VoiceActivityDetector(settings, buffer_size_in_seconds=60)
    extractor = sherpa_onnx.SpeakerEmbeddingExtractor(
        sherpa_onnx.SpeakerEmbeddingExtractorConfig(model=model_file, num_threads=threads)
    )
    for line in sys.stdin:
        vectors, heard = [], 0
        for passage in passages(speech(detector, settings.silero_vad.window_size, line.rstrip("\n")), seconds):
            stream = extractor.create_stream()
            stream.accept_waveform(_RATE, passage)
            stream.input_finished()
            vectors.append(extractor.compute(stream))
            heard += len(passage)
        if vectors:
            np.mean(vectors, axis=0)
        print(heard / _RATE, flush=True)


def speech(detector: "sherpa_onnx.VoiceActivityDetector", window: int, path: str) -> Iterator[Samples]:
    """The speech of the recording at `path`, segment by segment, as the library's own examples find it."""
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != _RATE:
        raise ValueError(f"{path} has {rate} Hz; the detector hears {_RATE}")
    for start in range(0, len(samples), window):
        detector.accept_waveform(samples[start : start + window])
        yield from _found(detector)
    detector.flush()
    yield from _found(detector)
    detector.reset()


def _found(detector: "sherpa_onnx.VoiceActivityDetector") -> Iterator[Samples]:
    while not detector.empty():
        yield np.array(detector.front.samples, np.float32)
        detector.pop()


def passages(segments: Iterator[Samples], seconds: float) -> Iterator[Samples]:
    """The segments end to end, in pieces of `seconds`; the last one has what is left."""
    length, held = round(seconds * _RATE), np.empty(0, np.float32)
    for segment in segments:
        held = np.concatenate([held, segment])
        while len(held) >= length:
            yield held[:length]
            held = held[length:]
    if len(held):
        yield held


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))
