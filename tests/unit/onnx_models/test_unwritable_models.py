"""A models folder of which somebody may read everything and change nothing."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from onnx_models import profiles, registry
from onnx_models.heads import adding
from schemas.errors import ConfigurationError
from tests.unit.onnx_models.heads.made_heads import constant, write_head

SPACE = registry.speaker_card("ge2e").space
NOBODY = 65_534


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """The folder, with a head and a profile, while the test has no rights of root's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_head(folder / "heads", constant(40.0))
        path = profiles.profile_path("telephone", SPACE, folder)
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        for place in (folder, *folder.rglob("*")):
            place.chmod(0o555 if place.is_dir() else 0o444)
        own = os.geteuid()
        if own == 0:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(own)
            for place in (folder, *folder.rglob("*")):
                place.chmod(0o755)


def test_a_head_that_stays_is_named(unwritable: Path) -> None:
    """A head without the right to remove it is named with the reason, and stays."""
    with pytest.raises(ConfigurationError, match=r"heads/made\.toml could not be removed: Permission denied$"):
        adding.remove("made", unwritable)
    assert (unwritable / "heads/made.toml").exists()


def test_a_profile_that_stays_is_named(unwritable: Path) -> None:
    """So is a profile."""
    with pytest.raises(ConfigurationError, match=r"/telephone\.json could not be removed: Permission denied$"):
        profiles.remove_profile("telephone", SPACE, unwritable)
    assert profiles.profiles(unwritable, SPACE) == ["telephone"]
