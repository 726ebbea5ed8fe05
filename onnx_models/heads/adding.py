"""Heads that users bring."""

from pathlib import Path

from onnx_models import registry
from onnx_models.heads import SHIPPED, Head, load_folder, load_head, require_distinct, user_folder
from onnx_models.heads.weights import read_weights
from onnx_models.install.writing import remove_file, write_atomically
from onnx_models.registry import SpeakerCard
from schemas.errors import ConfigurationError


def add(path: Path, models_dir: Path) -> Head:
    """Copies the head of the card at `path` to the user's own, over one of the same name, once it is found whole.

    Raises ConfigurationError with what is wrong with it, or what it would contradict.
    """
    head = load_head(path)
    _require_fitting(head, models_dir)
    folder = user_folder(models_dir)
    if head.folder.resolve() == folder.resolve():
        return head
    require_distinct([*(one for one in load_folder(folder) if one.card.name != head.card.name), head])
    # The weights first: a card always finds its own. Their name is ours, so that no two heads share a file.
    own = head.card.model_copy(update={"weights": f"{head.card.name}.npz"})
    write_atomically(folder / own.weights, read_weights(path.parent / head.card.weights))
    write_atomically(folder / f"{own.name}.toml", own.text().encode())
    return load_head(folder / f"{own.name}.toml")


def remove(name: str, models_dir: Path) -> None:
    """Deletes the user's head `name`. Raises ConfigurationError when there is none, or it cannot be deleted."""
    folder = user_folder(models_dir)
    own = {head.card.name: head for head in load_folder(folder)}
    if name not in own:
        shipped = any(head.card.name == name for head in load_folder(SHIPPED))
        reason = "it is shipped, and a head that is added takes its place" if shipped else "there is no such head"
        raise ConfigurationError(f"{name} cannot be removed: {reason}; added are: {', '.join(own) or 'none'}")
    remove_file(folder / f"{name}.toml")
    remove_file(folder / own[name].card.weights)


def _require_fitting(head: Head, models_dir: Path) -> None:
    cards = [card for card in registry.cards(models_dir).values() if isinstance(card, SpeakerCard)]
    spaces = {card.space: card for card in cards}
    card = spaces.get(head.space)
    if card is None:
        raise ConfigurationError(
            f"no model has the embedding space {head.space!r}, so {head.card.name} would never be used; "
            f"there are: {', '.join(sorted(spaces))}"
        )
    if card.dimension != head.card.dimension:
        raise ConfigurationError(
            f"{head.card.name} takes embeddings of {head.card.dimension} values, and {card.name} gives {card.dimension}"
        )
