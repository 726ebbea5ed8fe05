"""Installing from a bundle, which is hostile input: nothing of it is used before all of it was verified.

Only plain files with the names and sizes of the manifest are read; the long names, links, holes and devices that tar
knows are refused. The networks of this package's cards must have the hashes of those cards, whatever the bundle says.
"""

import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import ValidationError

from onnx_models import heads, profiles, registry
from onnx_models.install.bundle import MANIFEST, NETWORKS, BundledFile, Manifest, card_path, own_files, space_files
from onnx_models.install.progress import SILENT, Progress
from onnx_models.install.trying import require_sound
from onnx_models.install.writing import copy_verified, sync_folder, unwritten
from onnx_models.registry import Card, SpeakerCard
from schemas.errors import ConfigurationError
from schemas.faults import faults

_BLOCK = tarfile.BLOCKSIZE
_STAGING = ".bundle-"
# What is older than this was left by a process that was killed: no installation takes a day.
_LEFT_SECONDS = 86_400
_LARGEST_MANIFEST_BYTES = 1 << 20
# Of a profile with a cohort of thousands; cards and heads have kilobytes.
_LARGEST_SMALL_FILE_BYTES = 64 << 20


class Bundle:
    """A verified bundle whose files lie ready in a folder of their own."""

    def __init__(self, manifest: Manifest, folder: Path, models_dir: Path, progress: Progress) -> None:
        self._manifest, self._folder, self._models_dir = manifest, folder, models_dir
        self._own = registry.load_cards(registry.own_cards_dir(folder))
        self.cards: tuple[Card, ...] = tuple(self._card(name) for name in manifest.models)
        self._check_files()
        for card in self.cards:
            if card.name in self._own:
                self._check_own(card, progress)

    def install(self, names: Collection[str] = ()) -> list[Path]:
        """Puts the models `names`, all when empty, into the models folder, with what belongs to them; returns the paths
        of their networks. Raises ConfigurationError, before anything is changed, when something is in the way.
        """
        if unknown := set(names) - set(self._manifest.models):
            raise ConfigurationError(
                f"the bundle does not hold {', '.join(sorted(unknown))}; it holds {', '.join(self._manifest.models)}"
            )
        cards = [card for card in self.cards if card.name in names or not names]
        wanted = {place for card in cards for place in self._places(card)}
        moves = [(self._folder / place, self._target(place)) for place in sorted(wanted, key=_order)]
        for staged, target in moves:
            if not staged.name.endswith(".onnx") and target.exists() and target.read_bytes() != staged.read_bytes():
                raise ConfigurationError(f"{target} is there already and differs from the bundle's: move it away first")
        self._check_heads()
        for staged, target in moves:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged, target)  # noqa: PTH105
                sync_folder(target.parent)
            except OSError as error:
                raise unwritten(target, error) from error
        return [card.path(self._models_dir) for card in cards if card.file is not None]

    def _target(self, place: str) -> Path:
        known = registry.load_cards(registry.own_cards_dir(self._models_dir))
        for name, card in known.items():
            # A user may have given the file of a card another name.
            if place == f"cards/{name}.toml":
                return card_path(card)
        return self._models_dir / place

    def _card(self, name: str) -> Card:
        shipped = registry.cards()
        if name in self._own:
            if name in shipped:
                raise ConfigurationError(f"the bundle brings a card of its own for {name}, which is a known model")
            return self._own[name]
        if name not in shipped:
            raise ConfigurationError(f"the bundle names the model {name}, which is not known here and has no card")
        return shipped[name]

    def _places(self, card: Card) -> Iterator[str]:
        """Where the files of `card` belong, of those that the bundle has."""
        if card.file is not None:
            yield card.file
        yield from (path for path, _ in own_files(card))
        if isinstance(card, SpeakerCard):
            yield from (path for path, _ in space_files(card.space, self._folder))

    def _check_files(self) -> None:
        """Every network is that of a card and every other file belongs to a model."""
        entries = {entry.place: entry for entry in self._manifest.files}
        if len(entries) != len(self._manifest.files):
            raise ConfigurationError("the bundle holds two files of one name")
        for card in self.cards:
            entry = entries.get(card.file) if card.file is not None else None
            if card.file is not None and entry is None:
                raise ConfigurationError(f"the bundle does not hold the file of {card.name}")
            if entry is not None and (entry.bytes, entry.sha256) != (card.bytes, card.sha256):
                raise ConfigurationError(
                    f"the bundle's {card.name} is not the model of this card: its SHA-256 is {entry.sha256}, expected "
                    f"{card.sha256}; make the bundle with the same version of the appliance"
                )
        known = {place for card in self.cards for place in self._places(card)}
        if foreign := sorted(entries.keys() - known):
            raise ConfigurationError(f"the bundle holds {foreign[0]}, which belongs to none of its models")
        for card in self.cards:
            if isinstance(card, SpeakerCard):
                for name in profiles.profiles(self._folder, card.space):
                    profiles.load_profile(name, card.space, self._folder)
        heads.load_heads(self._folder)

    def _check_heads(self) -> None:
        """No two heads of a user's own may tell the same: both would stop the workers."""
        brought = heads.load_folder(heads.user_folder(self._folder))
        names = {head.card.name for head in brought}
        there = heads.load_folder(heads.user_folder(self._models_dir))
        heads.require_distinct([*(head for head in there if head.card.name not in names), *brought])

    def _check_own(self, card: Card, progress: Progress) -> None:
        """A user's own model is a stranger's here: it takes no other's file, and its network must prove itself."""
        for other in registry.cards(self._models_dir).values():
            if other.file is not None and other.file == card.file and other.name != card.name:
                raise ConfigurationError(f"the bundle's {card.name} would overwrite {card.file} of {other.name}")
        fields = card.model_dump()
        texts = [value for value in (*fields.values(), *(fields["source"] or {}).values()) if isinstance(value, str)]
        if not all(map(str.isprintable, texts)):
            raise ConfigurationError(f"the card of the bundle's {card.name} has characters that a terminal would obey")
        if not isinstance(card, SpeakerCard):
            raise ConfigurationError(f"the bundle's own model {card.name} is not one that makes voiceprints")
        if card.mean is not None:
            _check_mean(card.folder / card.mean, card.dimension)
        profiles.card_profile(card)
        if card.file is None:
            return
        require_sound(card, self._folder / card.file, progress)


def _check_mean(path: Path, dimension: int) -> None:
    """numpy also reads archives, and allocates whatever a header says: this looks at the header only."""
    with path.open("rb") as file:
        header = None
        if np.lib.format.read_magic(file) == (1, 0):
            header = np.lib.format.read_array_header_1_0(file)
    if header != ((dimension,), False, np.dtype("<f4")):
        raise ConfigurationError(f"the bundle's {path.name} is not a mean vector of {dimension} float32 values")


@contextmanager
def opened(path: Path, models_dir: Path, progress: Progress = SILENT) -> Iterator[Bundle]:
    """The bundle at `path`, read and verified; it is gone from the disk with the block unless it was installed.

    Raises ConfigurationError that says what is wrong with it, or that it cannot be read.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file; give a bundle that `voiceprint models bundle` made")
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(models_dir)
        staging = tempfile.TemporaryDirectory(dir=models_dir, prefix=_STAGING)
    except OSError as error:
        raise ConfigurationError(f"{models_dir} cannot be written to: {error.strerror}") from error
    with staging as name:
        folder = Path(name)
        try:
            with path.open("rb") as file:
                manifest = _unpacked(file, folder, progress)
        except OSError as error:
            raise ConfigurationError(f"{path} could not be read: {error.strerror}") from error
        try:
            bundle = Bundle(manifest, folder, models_dir, progress)
        # Cards and profiles of strangers: their parsers, and numpy's reader, raise whatever they stumble over.
        except (ArithmeticError, AttributeError, EOFError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{path} holds a card or profile that is none: {error}") from error
        yield bundle


def _clear_leftovers(models_dir: Path) -> None:
    for folder in models_dir.glob(f"{_STAGING}*"):
        if folder.lstat().st_mtime < time.time() - _LEFT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _unpacked(file: BinaryIO, folder: Path, progress: Progress) -> Manifest:
    name, size = _header(file) or ("", 0)
    if name != MANIFEST or size > _LARGEST_MANIFEST_BYTES:
        raise ConfigurationError("this is not a bundle of models: it does not begin with a manifest")
    try:
        manifest = Manifest.model_validate_json(_padded(file, size))
    except ValidationError as error:
        raise ConfigurationError(f"the bundle's manifest is not one: {faults(error)}") from error
    total, done = sum(entry.bytes for entry in manifest.files), 0
    for entry in manifest.files:
        _unpack(file, entry, folder)
        done += entry.bytes
        progress.received(done, total)
    if _header(file) is not None:
        raise ConfigurationError("the bundle holds more than its manifest says")
    return manifest


def _unpack(file: BinaryIO, entry: BundledFile, folder: Path) -> None:
    if _header(file) != (entry.path, entry.bytes):
        raise ConfigurationError(f"the bundle does not hold {entry.path} where its manifest says")
    if entry.bytes > _LARGEST_SMALL_FILE_BYTES and not entry.path.startswith(NETWORKS):
        raise ConfigurationError(f"the bundle's {entry.path} is larger than {_LARGEST_SMALL_FILE_BYTES} bytes")
    copy_verified(file, folder / entry.place, entry.bytes, entry.sha256, f"the bundle's {entry.path}")
    file.seek(-entry.bytes % _BLOCK, os.SEEK_CUR)


def _header(file: BinaryIO) -> tuple[str, int] | None:
    """Name and size of the next member, None at the end. Raises ConfigurationError for all but a plain file."""
    block = file.read(_BLOCK)
    if not block or block == bytes(_BLOCK):
        return None
    try:
        member = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise ConfigurationError("this is not a bundle of models, or it is damaged") from error
    if member.type != tarfile.REGTYPE or member.size < 0:
        raise ConfigurationError("the bundle holds something that is not a plain file")
    return member.name, member.size


def _padded(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    file.seek(-size % _BLOCK, os.SEEK_CUR)
    return content


def _order(place: str) -> tuple[bool, str]:
    """Cards come last: whoever finds one finds all that it names."""
    return place.endswith(".toml"), place
