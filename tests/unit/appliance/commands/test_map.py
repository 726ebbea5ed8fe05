"""`voiceprint map`: a page of its own."""

import json
import re
import shutil
from pathlib import Path

import numpy as np

from appliance.exit_codes import ExitCode
from appliance.voices.map_page import neighbours, plane
from onnx_models.scoring import unit
from tests.unit.appliance.commands.conftest import Run


def test_the_page_needs_nothing_else(run: Run, folder: Path, tmp_path: Path) -> None:
    """No address, no import and no voiceprint is in it, and what files are called does not end its script."""
    own = folder / "one" / "a<script>.vp"
    own.parent.mkdir()
    shutil.copy(folder / "call.0.vp", own)
    page = tmp_path / "map.html"
    said = run("map", folder, "--out", page)
    assert (said.returncode, said.stdout) == (ExitCode.DONE, f"{page}\n"), said.stderr
    text = page.read_text()
    assert "default-src 'none'" in text
    assert re.findall(r"(?:src|href)=|^import |^export |@import|url\(", text, re.MULTILINE) == []
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert "Wk9WUA" not in text
    told = json.loads(re.findall(r'<script id="voices"[^>]*>(.*?)</script>', text, re.DOTALL)[0])
    assert told["names"] == ["answer.0", "call.0", "call.1", "one/a<script>", "stranger.0"]
    # The same voiceprint twice: each is the other's nearest, and both lie at one place.
    assert told["near"][1][0] == [3, 1.0]
    assert told["points"][1] == told["points"][3]
    assert "overwrite it with --force" in run("map", folder, "--out", page).stderr


def test_a_map_of_two_voices_is_none(run: Run, folder: Path, tmp_path: Path) -> None:
    """Two points say nothing."""
    for path in ("call.0.vp", "call.1.vp"):
        (folder / path).unlink()
    said = run("map", folder, "--out", tmp_path / "map.html")
    assert said.returncode == ExitCode.MISCONFIGURED
    assert "a map needs 3 voices" in said.stderr


def test_the_plane_keeps_what_it_can() -> None:
    """Points of a plane come out with their distances, all of their variance, and the same each time."""
    random = np.random.default_rng(1)
    flat = random.normal(size=(40, 2)) @ np.linalg.qr(random.normal(size=(16, 2)))[0].T
    points, share = plane(flat)
    assert np.isclose(share, 1)
    assert np.allclose(np.linalg.norm(points[:, None] - points, axis=-1), np.linalg.norm(flat[:, None] - flat, axis=-1))
    assert (points == plane(flat.copy())[0]).all()


def test_neighbours_are_the_nearest_others() -> None:
    """As by looking at every pair, beyond one block of rows as well."""
    directions = unit(np.random.default_rng(2).normal(size=(1100, 8)))
    near = neighbours(directions)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -2)
    for row in (0, 1023, 1024, 1099):
        assert [other for other, _ in near[row]] == np.argsort(-cosines[row], kind="stable")[:5].tolist()
