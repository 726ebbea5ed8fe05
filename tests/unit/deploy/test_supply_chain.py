"""What is told of the installed packages: their advisories, and the list of them that comes with the image."""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from deploy.audit import judged

ROOT = Path(__file__).parents[3]
TOOLS = ROOT / ".venv-tools" / "bin"
SOUND = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
FLAWED = {"name": "arq", "version": "0.28", "vulns": [{"id": "CVE-2099-1", "fix_versions": ["0.29"], "aliases": []}]}
UNASKED = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.0)"}
OWN = {"name": "voiceprint-appliance", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code"),
    [
        ([SOUND, OWN], 0),
        ([SOUND, FLAWED], 1),
        ([FLAWED, UNASKED], 1),
        ([SOUND, UNASKED], 2),
        ([UNASKED], 2),
        ([OWN], 2),
    ],
)
def test_only_an_audit_that_took_place_passes(packages: list[dict[str, object]], code: int) -> None:
    """A package of which nobody knows anything is not one without advisories."""
    assert judged(json.dumps({"dependencies": packages, "fixes": []})).exit_code == code


def test_an_advisory_is_told() -> None:
    """What is to be done about it stands in its line."""
    assert judged(json.dumps({"dependencies": [FLAWED]})).vulnerable == ("arq 0.28: CVE-2099-1, repaired in 0.29",)


def test_tools_are_pinned_and_no_dependency() -> None:
    """The tools have exact versions, and are in no environment that the appliance runs in."""
    pins = [line for line in (ROOT / "deploy/supply-chain.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z-]+==[\d.]+", pin) for pin in pins)
    for pin in pins:
        with pytest.raises(metadata.PackageNotFoundError):
            metadata.version(pin.partition("==")[0])


@pytest.mark.timeout(400)  # it checks a quarter of a megabyte against a schema
@pytest.mark.skipif(not (TOOLS / "cyclonedx-py").exists(), reason="`make sbom` fetches the tool")
def test_the_sbom_names_every_package(tmp_path: Path) -> None:
    """The SBOM is valid CycloneDX and names each installed package with its version."""
    out = tmp_path / "sbom.json"
    words = ["environment", "--pyproject", ROOT / "pyproject.toml", "--validate", "--output-file", out, sys.executable]
    subprocess.run([TOOLS / "cyclonedx-py", *words], check=True, cwd=ROOT, timeout=390)
    sbom = json.loads(out.read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    named = {re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"] for part in sbom["components"]}
    installed = {re.sub(r"[-_.]+", "-", one.name).lower(): one.version for one in metadata.distributions()}
    installed.pop("voiceprint-appliance")
    assert sbom["metadata"]["component"]["name"] == "voiceprint-appliance"
    assert installed.items() <= named.items()
