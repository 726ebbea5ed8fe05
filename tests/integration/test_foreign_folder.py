"""Started in a folder of somebody else's, the appliance runs nothing that lies there."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import EXTRACTION, RECORDINGS, Appliance, ended

# Of what the processes import: packages, modules of the standard library, and the appliance itself.
_NAMES = ("msgpack", "aiohttp", "numpy", "secrets", "appliance", "tasks", "onnx_models", "pip")


def test_modules_beside_it_are_not_run(
    start_appliance: Callable[..., Appliance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording is extracted, and no file of that folder was imported by any process."""
    folder, ran = tmp_path / "foreign", tmp_path / "ran"
    folder.mkdir()
    for name in _NAMES:
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})\nraise SystemExit(99)\n")
    monkeypatch.chdir(folder)
    recording = (RECORDINGS / "demo.flac").read_bytes()
    with httpx.Client(base_url=start_appliance().url) as client:
        submitted = client.post(EXTRACTION, files={"file": recording})
        body = ended(client, submitted.headers["Location"])
    assert body["task"]["state"] == "done"  # type: ignore[index]
    assert not ran.exists()
