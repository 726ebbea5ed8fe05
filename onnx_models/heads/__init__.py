"""Heads: what else embeddings tell, such as gender; one card and one file of weights each, found here by itself."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Head:
    """A head of `kind` for embeddings of `space`."""

    kind: str
    space: str


def load_heads(models_dir: Path) -> list[Head]:
    """Every head, those of this package and the user's own in the folder `heads` of the models folder."""
    del models_dir
    return []
