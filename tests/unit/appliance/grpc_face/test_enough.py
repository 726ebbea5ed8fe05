"""Speech that is counted while raw audio arrives."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr
from phonexia.grpc.common.core_pb2 import RawAudioConfig

from appliance.grpc_face.enough import Listener
from appliance.grpc_face.raw_audio import RawFormat
from onnx_models import open_model
from onnx_models.extractor import Extractor
from schemas.errors import ConfigurationError
from tests.unit.appliance.grpc_face.streams import samples


@pytest.fixture(scope="module")
def model(models_dir: Path) -> Extractor:
    return open_model(models_dir=models_dir)


def talk(rate: int) -> npt.NDArray[np.int16]:
    signal = np.concatenate([samples(name) for name in ("demo.flac", "answer.flac", "stranger.flac")])
    return signal if rate == 16_000 else soxr.resample(signal, 16_000, rate)  # type: ignore[no-any-return]


def form(rate: int) -> RawFormat:
    return RawFormat.of(RawAudioConfig(sample_rate_hertz=rate, channels=1))


@pytest.mark.parametrize(("cap", "start"), [(cap, start) for cap in (0.3, 2.0, 8.0) for start in (0.0, 1.37)])
@pytest.mark.parametrize("rate", [16_000, 8000, 11_025, 48_000])
def test_what_is_met_is_enough_for_the_same_vector(
    model: Extractor, models_dir: Path, tmp_path: Path, *, rate: int, cap: float, start: float
) -> None:
    """From the first moment on: what has come by then gives the vector of the whole, bit for bit."""
    signal, recording = talk(rate), tmp_path / "recording.wav"
    listener = Listener(form(rate), start=start, end=None, speech=cap, models_dir=models_dir)
    came = 0
    while not listener.met:
        assert came < len(signal)
        listener.push(signal[came : came + rate // 50].tobytes())
        came += rate // 50
    vectors = []
    for part in (signal[:came], signal):
        recording.write_bytes(form(rate).header() + part.tobytes())
        (found,) = model.extract(recording, max_speech_length=cap, range_from=start)
        vectors.append((found.vector.tobytes(), found.speech_length))
    assert vectors[0] == vectors[1]


@pytest.mark.parametrize("rate", [16_000, 4000, 8000, 11_025, 44_100])
@pytest.mark.parametrize("cap", [0.6, 3.0])
def test_who_falls_silent_has_met_what_the_worker_finds(
    model: Extractor, models_dir: Path, tmp_path: Path, *, rate: int, cap: float
) -> None:
    """Asked after every bit, it is met when a recording that ends there has that much speech, to a frame of 32 ms."""
    signal, recording = talk(rate), tmp_path / "recording.wav"
    listener = Listener(form(rate), start=0.0, end=None, speech=cap, models_dir=models_dir)
    came = 0
    while not listener.met_if_over():
        listener.push(signal[came : came + rate // 50].tobytes())
        came += rate // 50
    lengths = []
    for end in (came - rate // 25, came + rate // 50):
        recording.write_bytes(form(rate).header() + signal[:end].tobytes())
        (found,) = model.extract(recording, max_speech_length=cap)
        lengths.append(found.speech_length)
    assert lengths[0] < cap == lengths[1]


@pytest.mark.parametrize("rate", [16_000, 8000])
def test_asking_changes_nothing(models_dir: Path, rate: int) -> None:
    """Whoever goes on after a pause, or after every bit, is heard as one who does not pause."""
    signal = talk(rate)
    asked, never = (Listener(form(rate), start=0.0, end=None, speech=5.0, models_dir=models_dir) for _ in range(2))
    met = []
    for came in range(0, len(signal), rate // 50):
        asked.met_if_over()
        for listener in (asked, never):
            listener.push(signal[came : came + rate // 50].tobytes())
        met.append((asked.met, never.met))
    assert set(met) == {(False, False), (True, True)}


def test_it_is_certain_a_little_later(models_dir: Path) -> None:
    """Whether it is speech that follows or not."""
    listener = Listener(form(16_000), start=0.0, end=None, speech=1.0, models_dir=models_dir)
    speech = talk(16_000)
    came = 0
    while not listener.met:
        listener.push(speech[came : came + 320].tobytes())
        came += 320
    assert not listener.enough
    listener.push(bytes(2 * 16_000))
    assert listener.enough


def test_speech_outside_the_range_does_not_count(models_dir: Path) -> None:
    """Neither before it nor after it."""
    listener = Listener(form(16_000), start=1.0, end=2.0, speech=1.5, models_dir=models_dir)
    listener.push(talk(16_000).tobytes())
    assert not listener.met


def test_calls_do_not_hear_each_other(models_dir: Path) -> None:
    """Many at one time share the network and nothing else."""
    signal = talk(16_000).tobytes()
    together = threading.Barrier(8)

    def met_after(cap: float) -> int:
        listener = Listener(form(16_000), start=0.0, end=None, speech=cap, models_dir=models_dir)
        together.wait()
        for at in range(0, len(signal), 8000):
            listener.push(signal[at : at + 8000])
            if listener.met:
                return at
        raise AssertionError("there was not enough")

    caps = [1.0, 2.0, 3.0, 4.0] * 2
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(met_after, caps))
    assert found[:4] == found[4:] == sorted(set(found))


def test_a_network_that_is_missing_is_named(tmp_path: Path) -> None:
    """Whoever asks can do without."""
    with pytest.raises(ConfigurationError, match="silero-vad is not installed"):
        Listener(form(16_000), start=0.0, end=None, speech=1.0, models_dir=tmp_path)
