"""The files of the page that shows the description."""

import asyncio
import subprocess
import sys

import pytest

from appliance.description.assets import ASSETS, PAGE


@pytest.mark.parametrize("name", [*ASSETS, PAGE.name])
def test_there(name: str) -> None:
    """Each is installed, not empty, and asks no other server for anything."""
    content, digest = asyncio.run(ASSETS.get(name, PAGE).read())
    assert content
    assert len(digest) == 32
    if name.startswith("page"):
        assert b"://" not in content


def test_swagger_ui_is_recent_enough() -> None:
    """From version 5 on it shows OpenAPI 3.1."""
    script, _ = asyncio.run(ASSETS["swagger-ui-bundle.js"].read())
    assert b'PACKAGE_VERSION:"5.' in script


def test_the_package_is_not_imported() -> None:
    """Its files are read without loading the web framework for which they are packed."""
    check = (
        "import asyncio, sys\nfrom appliance.endpoints.description import PAGE, ASSETS\n"
        "for asset in (PAGE, *ASSETS.values()): asyncio.run(asset.read())\n"
        "print(sorted({'flask', 'flask_swagger_ui'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
