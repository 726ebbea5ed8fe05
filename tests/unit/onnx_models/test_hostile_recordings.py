"""Recordings made to hurt: each is refused in bounded time and memory, and the next one decodes at once."""

import os
import signal
import struct
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from onnx_models import media
from onnx_models.decoders.confined import ZYGOTES
from onnx_models.media import MediaLimits, Recording, probe
from onnx_models.passage import Stopped
from onnx_models.sandbox.confinement import Limits
from schemas.errors import MediaDamaged, MediaError, MediaOutOfRange, TaskInternalError
from tests.patience import until

RATE = 16_000
HOUR = 3600 * RATE
MIB = 1 << 20


def all_of(path: Path, limits: MediaLimits | None = None) -> int:
    return sum(map(len, Recording(path, limits or MediaLimits()).samples((0,), RATE)))


def zygote_pid() -> int:
    pid = ZYGOTES["libsndfile"].pid
    assert pid is not None
    return pid


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def at_work() -> int:
    """The child that decodes; the spare one is younger."""
    return children(zygote_pid())[0]


@pytest.fixture(scope="module")
def silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten hours of silence as FLAC: some hundred kilobytes that decode to more than two gigabytes."""
    path = tmp_path_factory.mktemp("bomb") / "silence.flac"
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="FLAC") as sound:
        for _ in range(10):
            sound.write(np.zeros(HOUR, np.int16))
    return path


def test_a_bomb_is_refused_by_its_header(silence: Path) -> None:
    """A small file that says how much it becomes is not decoded at all."""
    assert silence.stat().st_size < 2 * MIB
    with pytest.raises(MediaOutOfRange, match="header says 36000 s"):
        probe(silence)


def test_a_bomb_without_a_length(silence: Path, tmp_path: Path) -> None:
    """One whose header gives no number of samples is decoded no further than the longest length that is taken."""
    content = bytearray(silence.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "silence.flac").write_bytes(content)
    with pytest.raises(MediaError):
        all_of(tmp_path / "silence.flac", MediaLimits(max_audio_length=60.0))


@pytest.mark.parametrize("samples", [2**36 - 1, 2**35])
def test_a_header_alone(tmp_path: Path, samples: int) -> None:
    """132 bytes that promise hundreds of gigabytes are refused, and nothing is allocated for them."""
    described = (655_350 << 44) | (7 << 41) | (31 << 36) | samples
    information = struct.pack(">HH3s3sQ16s", 65_535, 65_535, b"\xff\xff\xff", b"\xff\xff\xff", described, bytes(16))
    path = tmp_path / "header.flac"
    path.write_bytes(b"fLaC" + b"\x80\0\0\x22" + information + bytes(90))
    assert path.stat().st_size == 132
    with pytest.raises(MediaError):
        all_of(path)


@pytest.mark.parametrize("rate", [655_350, 1, 0, 2**31 - 1, 2**32 - 1])
def test_a_rate_beyond_any(raw_wav: Callable[..., Path], rate: int) -> None:
    """Sample rates that nobody records at are refused before a resampler is made for them."""
    path = raw_wav(100)
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    path.write_bytes(content)
    with pytest.raises(MediaError):
        all_of(path)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (4, 0xFFFFFFFF),
        (16, 0xFFFFFFFF),
        (20, 0x0011_0001),
        (20, 0xFFFF_0001),
        (28, 0),
        (32, 0),
        (32, 0xFFFF_FFFF),
        (40, 0xFFFFFFF0),
    ],
)
def test_lying_headers(raw_wav: Callable[..., Path], at: int, value: int) -> None:
    """Whatever a header says, the recording is decoded within the limits or refused."""
    path = raw_wav(RATE)
    content = bytearray(path.read_bytes())
    content[at : at + 4] = struct.pack("<I", value)
    path.write_bytes(content)
    with suppress(MediaError):
        assert all_of(path) <= 8 * RATE


def test_too_little_memory(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that wants more memory than it may have refuses the recording, and nobody else is troubled."""
    monkeypatch.setattr(media, "Limits", lambda processor: Limits(processor, memory_bytes=4096))
    with pytest.raises(MediaError):
        all_of(recordings / "demo.flac")
    monkeypatch.undo()
    assert all_of(recordings / "demo.flac") == 87_917


def test_too_little_processor_time(silence: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that takes too long to decode is refused with what it took."""
    monkeypatch.setattr(media, "Limits", lambda _: Limits(processor_seconds=1))
    with pytest.raises(MediaOutOfRange, match="more than 1 s of processor time"):
        all_of(silence, MediaLimits(max_audio_length=1e9))
    assert all_of(recordings / "demo.flac") == 87_917


def test_a_crash_refuses_the_recording(recordings: Path, raw_wav: Callable[..., Path]) -> None:
    """A decoder that dies of its recording refuses it, and the next recording decodes at once."""
    recording = Recording(raw_wav(60 * RATE), MediaLimits())
    blocks = recording.samples((0,), RATE)
    next(blocks)
    os.kill(at_work(), signal.SIGSEGV)
    with pytest.raises(MediaDamaged, match=r"crashed \(SIGSEGV\)"):
        list(blocks)
    assert all_of(recordings / "demo.flac") == 87_917


@pytest.mark.parametrize("victim", ["children", "zygote"])
def test_a_lost_decoder_is_replaced(tmp_path: Path, victim: str) -> None:
    """What is killed from outside in the middle of a recording is replaced, and the sound is the same."""
    noise = np.random.default_rng(5).normal(0, 0.1, 100 * RATE).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, RATE, subtype="FLOAT")
    recording = Recording(tmp_path / "noise.wav", MediaLimits())
    found = []
    for number, block in enumerate(recording.samples((0,), RATE)):
        found.append(block)
        if number == 2:
            pid = zygote_pid()
            for doomed in [pid] if victim == "zygote" else children(pid):
                os.kill(doomed, signal.SIGKILL)
    np.testing.assert_array_equal(np.concatenate(found), noise)


def test_decoders_that_are_lost_again_and_again(raw_wav: Callable[..., Path]) -> None:
    """When one child after the other is killed it is our fault, and the task may succeed when it is repeated."""
    path = raw_wav(600 * RATE)
    ended = threading.Event()

    def hunt() -> None:
        while not ended.is_set():
            # They come and go.
            with suppress(OSError, AssertionError):
                for child in children(zygote_pid()):
                    os.kill(child, signal.SIGKILL)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        with pytest.raises(TaskInternalError, match="3 times"):  # noqa: PT012
            while True:
                all_of(path)
    finally:
        ended.set()
        hunter.join()


def test_stopping_kills_the_decoder(raw_wav: Callable[..., Path]) -> None:
    """A recording that is given up has no child any more; what waits for it is told at once."""
    stopped = threading.Event()
    with closing(Recording(raw_wav(600 * RATE), MediaLimits(), stopped.is_set)) as recording:
        blocks = recording.samples((0,), RATE)
        next(blocks)
        decoder = at_work()
        os.kill(decoder, signal.SIGSTOP)
        stopped.set()
        with pytest.raises(Stopped):
            list(blocks)
        assert decoder not in children(zygote_pid())


def test_an_unread_recording_leaves_nothing(recordings: Path) -> None:
    """A recording of which only the header was asked for has no child any more."""
    probe(recordings / "demo.flac")
    unread = Recording(recordings / "demo.flac", MediaLimits())
    del unread
    until(lambda: len(children(zygote_pid())) <= 1)
