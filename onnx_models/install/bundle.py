"""Bundles: installed models and what belongs to them in one archive, for machines without a network.

A plain tar (ustar): `manifest.json` first, then the files that it lists, in its order. `networks/` holds the files of
the models, `cards/` the cards of a user's own models with their means and calibrations, `profiles/` and `heads/` what
was made for the models' embedding spaces. The same models give the same bytes.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from onnx_models import heads, profiles, registry
from onnx_models.install.wheels import Sha256
from onnx_models.install.writing import replacing
from onnx_models.registry import Card, Name, SpeakerCard
from schemas.errors import ConfigurationError

MANIFEST = "manifest.json"
NETWORKS = "networks/"
LARGEST_NETWORK_BYTES = 4 << 30
_FILE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_PATH = rf"^(networks/{_FILE}\.onnx|cards/{_FILE}|profiles/[a-z0-9][a-z0-9._-]{{0,63}}/{_FILE}\.json|heads/{_FILE})$"


class BundledFile(BaseModel):
    """One file: its place in the archive, its size and its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, StringConstraints(pattern=_PATH)]
    bytes: int = Field(ge=0, le=LARGEST_NETWORK_BYTES)
    sha256: Sha256

    @property
    def place(self) -> str:
        """Where it belongs in the models folder."""
        return self.path.removeprefix(NETWORKS)


class Manifest(BaseModel):
    """What a bundle says it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    models: tuple[Name, ...] = Field(min_length=1, max_length=100)
    files: tuple[BundledFile, ...] = Field(max_length=1000)


def make(out: Path, models_dir: Path, names: Iterable[str]) -> Manifest:
    """Writes the installed models `names` to the archive `out`, whole or not at all; returns what it holds.

    Raises ConfigurationError for a model that is not installed or damaged, and when `out` cannot be written.
    """
    if out.is_dir():
        raise ConfigurationError(f"{out} is a folder; give the name of a file for the bundle")
    cards = [registry.card(name, models_dir) for name in dict.fromkeys(names)]
    files = dict(_files(cards, models_dir))
    try:
        manifest = Manifest(
            models=tuple(card.name for card in cards),
            files=tuple(_described(path, source, cards) for path, source in files.items()),
        )
    except ValueError as error:
        raise ConfigurationError(f"these models cannot be bundled: {error}") from error
    with replacing(out) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        text = manifest.model_dump_json(indent=1).encode()
        archive.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
        for entry in manifest.files:
            with files[entry.path].open("rb") as content:
                archive.addfile(_member(entry.path, entry.bytes), content)
    return manifest


def _files(cards: Iterable[Card], models_dir: Path) -> Iterator[tuple[str, Path]]:
    """Every file of `cards` by its place in the archive: small ones first, so that they are checked first."""
    cards = list(cards)
    for card in cards:
        yield from own_files(card)
    spaces = {card.space: None for card in cards if isinstance(card, SpeakerCard)}
    for space in spaces:
        yield from space_files(space, models_dir)
    for card in cards:
        if card.file is not None:
            yield f"{NETWORKS}{card.file}", registry.verify(card, models_dir)


def own_files(card: Card) -> Iterator[tuple[str, Path]]:
    """The files of a user's own card; none for a card of this package."""
    if card.shipped:
        return
    yield f"cards/{card.name}.toml", card_path(card)
    if isinstance(card, SpeakerCard):
        for name in (card.mean, card.calibration):
            if name is not None:
                yield f"cards/{name}", card.folder / name


def card_path(card: Card) -> Path:
    """The card's own file, which may have any name. Raises ConfigurationError when it is gone."""
    for path in sorted(card.folder.glob("*.toml")):
        with suppress(ConfigurationError):
            if registry.load_card(path).name == card.name:
                return path
    raise ConfigurationError(f"the card of {card.name} is not in {card.folder} any more")


def space_files(space: str, models_dir: Path) -> Iterator[tuple[str, Path]]:
    """The profiles and heads in `models_dir` that were made for the embedding space `space`."""
    for name in profiles.profiles(models_dir, space):
        yield f"profiles/{space}/{name}.json", models_dir / "profiles" / space / f"{name}.json"
    for head in heads.load_folder(heads.user_folder(models_dir)):
        if head.space == space:
            for name in (f"{head.card.name}.toml", head.card.weights):
                yield f"heads/{name}", head.folder / name


def _described(path: str, source: Path, cards: Iterable[Card]) -> BundledFile:
    for card in cards:
        if path == f"{NETWORKS}{card.file}":
            return BundledFile(path=path, bytes=card.bytes, sha256=card.sha256)
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror}") from error
    return BundledFile(path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A member without owner or time, which would tell one bundle of the same models from another."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member
