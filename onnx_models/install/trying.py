"""Networks of a user's own cards, which may be anybody's: seen to work in a limited process before they are kept."""

from pathlib import Path

from onnx_models.brought import inspection, proving
from onnx_models.brought.proving import Use
from onnx_models.install.progress import SILENT, Progress
from onnx_models.registry import Card, SpeakerCard
from schemas.errors import ConfigurationError


def require_sound(card: Card, path: Path, progress: Progress = SILENT) -> None:
    """Inspects the network in the file `path`, and runs that of a speaker model as its `card` says.

    Raises ConfigurationError for one that the appliance would not take as a brought one either, or whose vectors have
    another length than the card says.
    """
    progress.said(f"{card.name}: trying its network")
    content = inspection.read_once(path)
    proving.inspect(content)
    if not isinstance(card, SpeakerCard):
        return
    use = Use(card.family, card.family_options, card.sample_rate, card.window_seconds, card.hop_seconds, card.output)
    if (found := proving.prove(content, use).dimension) != card.dimension:
        raise ConfigurationError(
            f"the network of {card.name} gives vectors of {found} values, and its card says {card.dimension}"
        )
