"""Where the time of a recording goes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from onnx_models import stages
from onnx_models.extractor import Extractor
from onnx_models.stages import REST, STAGES, Stopwatch, stage, staged, watched
from tests.conftest import RECORDINGS


class Clock:
    """Goes on by what is worked."""

    now = 0.0

    def worked(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(stages.time, "perf_counter", lambda: made.now)
    return made


def test_a_moment_counts_for_the_innermost_stage(clock: Clock) -> None:
    """Generators that pull each other's items have a time of their own each."""

    def decoded() -> Iterator[int]:
        for item in range(3):
            clock.worked(1)
            yield item

    def listened(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            clock.worked(10)
            yield item

    with watched() as watch:
        for _ in staged("listen", listened(staged("decode", decoded()))):
            clock.worked(100)
            with stage("store"):
                clock.worked(1000)
    assert watch.seconds == {"decode": 3, "listen": 30, REST: 300, "store": 3000}


def test_what_is_raised_ends_a_stage(clock: Clock) -> None:
    """What comes after it counts for the one around it."""

    def fails() -> None:
        with stage("decode"):
            clock.worked(1)
            raise ZeroDivisionError

    with watched() as watch:
        with pytest.raises(ZeroDivisionError):
            fails()
        clock.worked(2)
    assert watch.seconds == {"decode": 1, REST: 2}


def test_each_thread_has_a_watch_of_its_own(clock: Clock) -> None:
    """What others do is not counted, and where nobody watches nothing is."""
    found: list[Stopwatch] = []

    def work() -> None:
        with stage("decode"), watched() as watch, stage("store"):
            stages.heard(2.0)
            clock.worked(1)
        stages.heard(3.0)
        found.append(watch)

    with watched() as ours:
        other = threading.Thread(target=work)
        other.start()
        other.join()
    assert (found[0].seconds, found[0].heard) == ({REST: 0, "store": 1}, 2.0)
    assert (ours.seconds, ours.heard) == ({REST: 1}, 0.0)


def test_the_stages_of_a_recording(models_dir: Path) -> None:
    """All of an extraction is in stages of known names, and the audio of both channels was heard."""
    extractor = Extractor.open(models_dir=models_dir, device="cpu")
    with watched() as watch:
        voiceprints = extractor.extract(RECORDINGS / "call.flac")
    assert {"decode", "resample", "voice activity", "quality", "front end", "network"} <= watch.seconds.keys()
    assert watch.seconds.keys() <= set(STAGES)
    assert watch.heard == pytest.approx(sum(one.recording_length for one in voiceprints))
    batches, windows = extractor.fill.taken()
    assert 0 < windows <= batches * extractor.fill.size
    assert extractor.fill.taken() == (0, 0)
