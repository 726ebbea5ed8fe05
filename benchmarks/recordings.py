"""The recordings of a folder, and recordings of chosen lengths made of them."""

from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import numpy as np
import soundfile

from onnx_models.blocks import Samples

_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm", ".amr"}


def recordings_in(folder: Path) -> list[Path]:
    """Every recording in `folder` and below, by its suffix, sorted so that every run sees one order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def recordings_by_speaker(folder: Path) -> dict[str, list[Path]]:
    """The recordings of every speaker; `folder` has one folder for each, named after the speaker."""
    speakers = {path.name: recordings_in(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    return {name: paths for name, paths in speakers.items() if paths}


def cuttings(folder: Path, into: Path, lengths: Iterable[float]) -> list[Path]:
    """FLAC files in `into` of so many seconds each, one after the other from the speech of `folder`.

    Raises SystemExit when there is no recording in `folder`.
    """
    tape = _Tape(folder)
    made: list[Path] = []
    for length in lengths:
        made.append(into / f"{len(made):04d}-{length:.2f}s.flac")
        soundfile.write(made[-1], tape.take(length), tape.rate)
    return made


def random_lengths(count: int, shortest: float, longest: float, seed: int = 0) -> list[float]:
    """`count` lengths from `shortest` to `longest`, the same for one seed."""
    drawn: list[float] = np.random.default_rng(seed).uniform(shortest, longest, count).tolist()
    return drawn


class _Tape:
    """The first channels of those recordings that have the rate of the first one, end to end, over and over."""

    def __init__(self, folder: Path) -> None:
        paths = recordings_in(folder)
        if not paths:
            raise SystemExit(f"{folder} has no recordings")
        self.rate: int = soundfile.info(paths[0]).samplerate
        self._paths = cycle([path for path in paths if soundfile.info(path).samplerate == self.rate])
        self._rest = np.empty(0, np.float32)

    def take(self, seconds: float) -> Samples:
        """The next `seconds`, shape (n,)."""
        length = round(seconds * self.rate)
        parts = [self._rest]
        while sum(map(len, parts)) < length:
            parts.append(soundfile.read(next(self._paths), dtype="float32", always_2d=True)[0][:, 0])
        joined = np.concatenate(parts)
        self._rest = joined[length:].copy()
        return joined[:length]
