"""Files of a run for which there is no room."""

import resource
from pathlib import Path

import pytest

from tasks.bulk import places


def test_the_file_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    """Who is told that a file cannot be written is told which; what was there before is as it was."""
    (tmp_path / "part").write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OSError, match="part") as told, places.folder(str(tmp_path)).replacing("part") as file:
            file.write(bytes(1 << 24))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.value.filename == str(tmp_path / "part")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("part", b"before")]
