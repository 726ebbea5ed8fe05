"""Heads: what else embeddings tell, such as gender or age; one card and one file of weights each, found by themselves.

A card is a TOML file: those of this package lie here, a user's own in the folder `heads` of the models folder. Weights
are an .npz file beside the card; see `onnx_models.heads.weights`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from onnx_models.heads.weights import Layer, read_layers
from onnx_models.install.wheels import Sha256
from onnx_models.registry import MOST_CARD_BYTES, FileName, Name
from onnx_models.scoring import Vectors
from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.faults import reason

SHIPPED = Path(__file__).parent
# The contract's least speech for an age.
_LEAST_SPEECH = 0.3

Kind = Literal["gender", "age"]
Told = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class HeadCard(BaseModel):
    """What is known of a head.

    It tells `kind` from raw embeddings of `space`, `dimension` values each: for gender the natural log-likelihood ratio
    of male against female, for age years. `minimum_speech` is in seconds; of less, nothing is told. `accuracy` says in
    words what was measured, and on what. `weights` is a file beside the card with that `sha256`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    kind: Kind
    space: Name
    dimension: int = Field(gt=0, le=65_536)
    licence: Told
    training_data: Told
    accuracy: Told
    minimum_speech: float = Field(_LEAST_SPEECH, ge=_LEAST_SPEECH, le=60)
    weights: FileName
    sha256: Sha256

    def text(self) -> str:
        """The card as its file."""
        # Strings and numbers are written in TOML as they are in JSON.
        fields = self.model_dump(mode="json").items()
        return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head with its weights; `folder` is where its card lies."""

    card: HeadCard
    layers: tuple[Layer, ...]
    folder: Path

    @property
    def kind(self) -> str:
        return self.card.kind

    @property
    def space(self) -> str:
        return self.card.space

    @property
    def shipped(self) -> bool:
        """Whether the head is this package's and not a user's own."""
        return self.folder == SHIPPED

    def tell(self, raw: Vectors) -> npt.NDArray[np.float64]:
        """What the head makes of `raw` embeddings (n, dimension), not centred: shape (n,), always finite.

        Layers are affine with a ReLU between two of them. Each row's result is the same whatever the others are.
        """
        values = raw.astype(np.float64)
        for number, layer in enumerate(self.layers):
            if number:
                values = np.maximum(values, 0)
            # Not a matrix product, whose rounding depends on how many rows there are.
            values = np.einsum("ni,oi->no", values, layer.weight) + layer.bias
        return values[:, 0]


def load_heads(models_dir: Path | None = None) -> list[Head]:
    """Every head: the user's own in `models_dir` first, which take the place of those of this package.

    Raises ConfigurationError naming the file that falls short, or two of the user's that tell the same.
    """
    found = [] if models_dir is None else load_folder(user_folder(models_dir))
    return found + load_folder(SHIPPED)


def user_folder(models_dir: Path) -> Path:
    """Where a user's own heads lie."""
    return models_dir / "heads"


def load_folder(folder: Path) -> list[Head]:
    """The heads of one folder, by the names of their files."""
    loaded = [load_head(path) for path in sorted(folder.glob("*.toml"))]
    require_distinct(loaded)
    return loaded


def load_head(path: Path) -> Head:
    """The head of the card at `path`, its weights verified. Raises ConfigurationError with what is wrong."""
    try:
        card = HeadCard.model_validate(plain_file.read_toml(path, MOST_CARD_BYTES))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is not the card of a head: {reason(error)}") from error
    layers = read_layers(path.parent / card.weights, card.sha256)
    if layers[0].weight.shape[1] != card.dimension:
        raise ConfigurationError(
            f"{card.weights} takes {layers[0].weight.shape[1]} values, and its card {path.name} says {card.dimension}"
        )
    return Head(card, layers, path.parent)


def require_distinct(heads: Iterable[Head]) -> None:
    """Raises ConfigurationError when two of `heads` have one name, or tell the same of the same embeddings."""
    names: dict[str, str] = {}
    tells: dict[tuple[str, str], str] = {}
    for head in heads:
        name = head.card.name
        if name in names:
            raise ConfigurationError(f"two heads in {head.folder} are named {name!r}: remove one of their cards")
        other = tells.get((head.kind, head.space))
        if other is not None:
            raise ConfigurationError(
                f"{other} and {name} both tell {head.kind} from embeddings of {head.space}: "
                f"remove one with `voiceprint heads remove`"
            )
        names[name] = tells[head.kind, head.space] = name
