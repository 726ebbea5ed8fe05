"""What jobs store is shown as the technologies describe it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from schemas.technologies import Result, technologies
from tests.conftest import RECORDINGS
from tests.unit.tasks.jobs.conftest import Run
from tests.unit.tasks.jobs.made_voiceprints import directions, silent, text

DONE = [name for name, declared in technologies().items() if declared.missing is None]
A = directions(3)


def read(name: str, shown: Any) -> Result:
    """Refuses a key that is not described, one that is missing, and a value of another kind."""
    return technologies()[name].result.model_validate_json(json.dumps(shown), strict=True)


def document(*voiceprints: str) -> dict[str, list[str]]:
    """A body for every technology that takes one: each reads the keys that it knows."""
    return {key: list(voiceprints) for key in ("voiceprints", "voiceprints_a", "voiceprints_b")}


def given(name: str, recording: Path, *voiceprints: str) -> Any:
    if technologies()[name].streams:
        return voiceprints[0]
    return recording if technologies()[name].document is None else document(*voiceprints)


@pytest.mark.parametrize("name", DONE)
def test_a_result_is_what_is_described(run: Run, name: str) -> None:
    """What comes of speech has every key that is described and no other."""
    shown = run(name, given(name, RECORDINGS / "call.flac", *map(text, A)), include_vector_voiceprint=True)
    found = read(name, shown)
    assert found.model_dump(mode="json", exclude_unset=True) == found.model_dump(mode="json") == shown


@pytest.mark.parametrize("name", DONE)
def test_a_result_without_speech_is_what_is_described(run: Run, name: str, tmp_path: Path) -> None:
    """What comes of no speech has only keys that are described, and null only where that is said."""
    soundfile.write(tmp_path / "silence.wav", np.zeros((16_000, 2)), 16_000)
    # Of vectors that are all zeros nothing could be merged.
    spoken = text(A[0]) if name.endswith("merging") else silent()
    read(name, run(name, given(name, tmp_path / "silence.wav", silent(), spoken)))


@pytest.mark.parametrize("name", technologies())
def test_every_object_is_closed_and_told(name: str) -> None:
    """Each object of a description has a description of its own and refuses unknown keys; each key is described."""
    schema = technologies()[name].result.model_json_schema()
    for described in [schema, *schema.get("$defs", {}).values()]:
        assert described["description"]
        assert described["additionalProperties"] is False
        for key, value in described["properties"].items():
            assert value.get("description") or "$ref" in json.dumps(value), key
            assert "default" not in value
