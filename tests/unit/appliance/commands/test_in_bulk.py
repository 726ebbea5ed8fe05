"""What the last word of a command in bulk is taken for."""

from pathlib import Path

import pytest

from appliance.commands.in_bulk import STANDARD_OUTPUT, apart
from schemas.errors import ConfigurationError


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    made = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for path in made:
        path.touch()
    return list(map(str, made))


def test_files_alone_are_printed(files: list[str]) -> None:
    """No file that is there is ever the output."""
    assert apart(files[:1]) == (files[:1], STANDARD_OUTPUT)
    assert apart(files) == (files, STANDARD_OUTPUT)


@pytest.mark.parametrize("output", ["-", "voiceprints", "voiceprints.2026/", "s3://kept/of.2026", "lancedb://kept/of"])
def test_the_last_word_is_the_output(files: list[str], output: str) -> None:
    """A folder that is not there yet, an address, or standard output."""
    assert apart([*files, output]) == (files, output)


def test_a_folder_may_have_any_name(files: list[str], tmp_path: Path) -> None:
    """One that is there is an output, whatever its name looks like."""
    output = tmp_path / "voiceprints.2026"
    output.mkdir()
    assert apart([*files, str(output)]) == (files, str(output))


def test_a_file_that_is_not_there_is_no_output(files: list[str]) -> None:
    """A slip of the pen makes no folder."""
    with pytest.raises(ConfigurationError, match=r"there is no three\.wav; .* write three\.wav/"):
        apart([*files, "three.wav"])


def test_an_output_alone_is_refused() -> None:
    """Without inputs there is nothing to do."""
    with pytest.raises(ConfigurationError, match="name the inputs before it"):
        apart(["voiceprints"])
