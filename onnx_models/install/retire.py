"""Taking a model away: what would be left without one that understands it, and the removal itself."""

import mmap
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from onnx_models import registry
from onnx_models.install import bundle
from onnx_models.install.partial import leftovers
from onnx_models.registry import AnyCard, SpeakerCard
from schemas import voiceprint
from schemas.errors import ConfigurationError, VoiceprintError


@dataclass(frozen=True, slots=True)
class Stranded:
    """What the removal of a model of `space` leaves behind.

    `successors` are the other installed models of the space; where there is one, nothing is stranded. `profiles` and
    `heads` are files for the space that stay, `removed` those that go.
    """

    space: str | None
    successors: tuple[str, ...]
    profiles: tuple[Path, ...]
    heads: tuple[Path, ...]
    removed: tuple[Path, ...]

    @property
    def anything(self) -> bool:
        return self.space is not None and not self.successors


def stranded(card: AnyCard, models_dir: Path) -> Stranded:
    """What `retire` would remove of `card` and leave behind of its space."""
    known = registry.cards(models_dir)
    if not isinstance(card, SpeakerCard):
        return Stranded(None, (), (), (), tuple(_own(card, known.values(), models_dir)))
    others = [other for other in known.values() if isinstance(other, SpeakerCard) and other.name != card.name]
    belonging = [path for _, path in bundle.space_files(card.space, models_dir)]
    return Stranded(
        space=card.space,
        successors=tuple(
            other.name for other in others if other.space == card.space and registry.installed(other, models_dir)
        ),
        profiles=tuple(path for path in belonging if path.suffix == ".json"),
        heads=tuple(path for path in belonging if path.suffix == ".toml"),
        removed=tuple(_own(card, known.values(), models_dir)),
    )


def retire(card: AnyCard, models_dir: Path) -> list[Path]:
    """Removes the file of `card` and what has come of an unfinished download; of a user's own model the card as well,
    with the mean and the calibration that no other card names. Returns what was removed.

    Raises ConfigurationError when there is nothing to remove, or the folder cannot be written to.
    """
    paths = stranded(card, models_dir).removed
    if not paths:
        raise ConfigurationError(f"{card.name} is not installed in {models_dir}: there is nothing to remove")
    try:
        # The card first: one without its file would only be a model that is not installed.
        for path in paths:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} could not be removed: {error.strerror}") from error
    return list(paths)


def _own(card: AnyCard, known: Iterable[AnyCard], models_dir: Path) -> Iterator[Path]:
    """The files that belong to `card` and to no other."""
    others = [other for other in known if other.name != card.name]
    taken = {path for other in others for _, path in bundle.own_files(other)}
    yield from (path for _, path in bundle.own_files(card) if path not in taken)
    if card.file is not None and all(other.file != card.file for other in others):
        path = card.path(models_dir)
        yield from (found for found in (path, *leftovers(path)) if found.exists())


@dataclass(frozen=True, slots=True)
class Found:
    """Voiceprints under some folders: how many of every embedding space, and how many that cannot be read."""

    by_space: Counter[str]
    unreadable: int


def find_voiceprints(folders: Iterable[Path], keys: Mapping[int, bytes] | None = None) -> Found:
    """Containers, and Base64 of containers in text of any kind, in the files under `folders`; `keys` are the signing
    keys by id.

    Links are not followed. Raises ConfigurationError for a folder or file that cannot be read.
    """
    by_space: Counter[str] = Counter()
    unreadable = 0
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"{folder} is not a folder")
        for path in _files(folder):
            for container in _containers(path):
                try:
                    by_space[voiceprint.decode(container, keys).space] += 1
                except VoiceprintError:
                    unreadable += 1
    return Found(by_space, unreadable)


def _files(folder: Path) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from error

    for parent, _, names in os.walk(folder, onerror=refused):
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink() and path.stat().st_size:
                yield path


def _containers(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[: len(voiceprint.MAGIC)] == voiceprint.MAGIC:
                yield content[: voiceprint.MAXIMUM_BYTES + 1]
                return
            for match in voiceprint.IN_TEXT.finditer(content):
                text = match[0]
                yield voiceprint.from_base64(text[: len(text) // 4 * 4].decode())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
