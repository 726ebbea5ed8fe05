"""The model cards: what every model is, where it comes from and how its file is known.

A card is a TOML file in `cards/`; a new one is found by itself. Every card is checked when the registry is first read.
"""

import hashlib
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import platformdirs
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from onnx_models.wheels import Sha256, WheelMember
from schemas.errors import ConfigurationError

CARDS = Path(__file__).parent / "cards"
DEFAULT_MODEL = "ge2e"
VOICE_ACTIVITY_MODEL = "silero-vad"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Source(WheelMember):
    """Where a model's file comes from; `build` names what turns the wheel's member into the ONNX graph."""

    build: Literal["copy", "ge2e"]


class Card(BaseModel):
    """What every model has. `file`, `bytes` and `sha256` are those of the ONNX graph, `sample_rate` is in hertz."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    kind: str
    summary: str
    file: FileName
    bytes: int = Field(gt=0)
    sha256: Sha256
    sample_rate: int = Field(ge=8000, le=48000)
    licence: str
    training_data: str
    source: Source

    def path(self, models_dir: Path) -> Path:
        return models_dir / self.file


class VoiceActivityCard(Card):
    """A network that tells speech from everything else."""

    kind: Literal["voice-activity"]


class SpeakerCard(Card):
    """A network that turns speech into a voiceprint's vector.

    `family` names the front end and `family_options` are its own; `output` is the graph's output, `dimension` its
    length; `mean` is a float32 .npy file beside the card that is subtracted from every vector. Only vectors of one
    `space` may be compared.
    """

    kind: Literal["speaker"]
    published_eer: str
    space: Name
    dimension: int = Field(gt=0)
    output: str
    mean: FileName
    family: str
    family_options: dict[str, int | float | str | bool] = Field(default_factory=dict)


AnyCard = Annotated[SpeakerCard | VoiceActivityCard, Field(discriminator="kind")]
_ANY_CARD: TypeAdapter[SpeakerCard | VoiceActivityCard] = TypeAdapter(AnyCard)


def load_cards(folder: Path = CARDS) -> dict[str, SpeakerCard | VoiceActivityCard]:
    """Every card of `folder` by name. Raises ConfigurationError naming the file that is not a card."""
    cards: dict[str, SpeakerCard | VoiceActivityCard] = {}
    for path in sorted(folder.glob("*.toml")):
        loaded = _load_card(path)
        if loaded.name in cards:
            raise ConfigurationError(f"{path.name}: another card is already named {loaded.name!r}")
        cards[loaded.name] = loaded
    return cards


def _load_card(path: Path) -> SpeakerCard | VoiceActivityCard:
    try:
        fields: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        loaded = _ANY_CARD.validate_python(fields)
    except (ValueError, ValidationError) as error:
        raise ConfigurationError(f"{path.name} is not a model card: {error}") from error
    if isinstance(loaded, SpeakerCard) and not (path.parent / loaded.mean).is_file():
        raise ConfigurationError(f"{path.name} names the mean vector {loaded.mean}, which is not beside it")
    return loaded


@cache
def _shipped_cards() -> dict[str, SpeakerCard | VoiceActivityCard]:
    return load_cards()


def card(name: str) -> SpeakerCard | VoiceActivityCard:
    """The card named `name`. Raises ConfigurationError naming those there are."""
    cards = _shipped_cards()
    if name not in cards:
        raise ConfigurationError(f"there is no model {name!r}; there are: {', '.join(cards)}")
    return cards[name]


def speaker_card(name: str) -> SpeakerCard:
    """The card of the speaker model `name`. Raises ConfigurationError when there is none, or it is of another kind."""
    found = card(name)
    if not isinstance(found, SpeakerCard):
        raise ConfigurationError(f"{name!r} is a model for {found.kind}, not one that makes voiceprints")
    return found


def load_mean(card: SpeakerCard) -> npt.NDArray[np.float32]:
    """The mean vector of the card's space, shape (dimension,).

    Raises ConfigurationError for a file that holds something else.
    """
    mean: npt.NDArray[np.float32] = np.load(CARDS / card.mean, allow_pickle=False)
    if mean.shape != (card.dimension,) or mean.dtype != np.float32 or not np.isfinite(mean).all():
        raise ConfigurationError(f"{card.mean} is not a mean vector of {card.dimension} finite float32 values")
    return mean


def default_models_dir() -> Path:
    """Where models are installed unless told otherwise: the user's data folder of this platform."""
    return platformdirs.user_data_path("voiceprint") / "models"


def installed(card: Card, models_dir: Path) -> bool:
    """Whether the model's file is there at its full size; `verify` also reads it."""
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
