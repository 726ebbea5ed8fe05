"""Whatever else is worked on, a recording gives the same voiceprint, bit for bit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from onnx_models import registry
from onnx_models.brought.quantize import quantised
from onnx_models.extractor import Extractor
from onnx_models.media import MediaLimits
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector
from onnx_models.spreading import Spreading
from onnx_models.turn import Turn
from onnx_models.voice_activity import VoiceActivity

NAMES = ("demo.flac", "answer.flac", "ulaw-8k.wav", "mpeg.mp3", "call.flac")


def opened(models_dir: Path, precision: str, threads: int, turn: Turn | None = None) -> Extractor:
    """The default model with a network of 32 bits, or of 8 whose scales come from the whole batch."""
    card = registry.speaker_card("ge2e")
    path = card.path(models_dir)
    network = open_session(quantised(path, [])[0] if precision == "int8" else path, "cpu")
    listener = open_session(registry.card("silero-vad").path(models_dir), "cpu")
    detector, mean = SpeechDetector(listener, card.sample_rate), registry.load_mean(card)
    return Extractor(card, network, detector, mean, MediaLimits(), turn=turn, spreading=Spreading(threads))


@pytest.fixture(scope="module")
def paths(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The shipped recordings, and one that is long enough to be spread over threads."""
    samples, rate = soundfile.read(recordings / "demo.flac", dtype="float32")
    long = tmp_path_factory.mktemp("long") / "long.wav"
    # No two windows alike.
    soundfile.write(long, np.concatenate([samples * gain for gain in np.linspace(0.2, 1, 14)]), rate)
    return [*(recordings / name for name in NAMES), long]


def bits(extractor: Extractor, path: Path) -> list[bytes]:
    return [voiceprint.vector.tobytes() for voiceprint in extractor.extract(path)]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.long), 3])
def test_others_do_not_matter(models_dir: Path, paths: list[Path], precision: str, threads: int) -> None:
    """Alone, while other recordings are worked on, and after them: the same bits, by any number of threads."""
    extractor = opened(models_dir, precision, threads)
    alone = {path: bits(opened(models_dir, precision, 1), path) for path in paths}
    asked = [path for turn in range(4) for path in (*paths[turn:], *paths[:turn])]
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda path: bits(extractor, path), asked))
    assert [path.name for path, vectors in zip(asked, found, strict=True) if vectors != alone[path]] == []
    assert {path: bits(extractor, path) for path in paths} == alone


def test_models_take_turns(models_dir: Path, paths: list[Path]) -> None:
    """Models and the voice activity detector that share a turn find what each finds alone."""
    turn = Turn()
    one, other = opened(models_dir, "fp32", 2, turn), opened(models_dir, "int8", 2, turn)
    activity = VoiceActivity.open(models_dir=models_dir, turn=turn)
    work = (lambda path: bits(one, path), lambda path: bits(other, path), activity.detect)
    alone = [[each(path) for path in paths] for each in work]
    with ThreadPoolExecutor(6) as pool:
        found = [[pool.submit(each, path) for path in paths] for each in work]
        assert [[asked.result() for asked in row] for row in found] == alone
