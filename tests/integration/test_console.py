"""The console as it is served; what it does in a browser is tested in tests/console."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from appliance.console.assets import ASSETS, PAGE
from tests.conftest import Appliance
from tests.made_keys import made_keys

SCRIPTS = sorted(name for name in ASSETS if name.endswith(".js"))
# Named where they run, in threads of their own.
APART = {"main.js", "microphone_worklet.js", "pca_worker.js"}


def test_served_without_a_key(start_appliance: Callable[..., Appliance], tmp_path: Path) -> None:
    """The page and what it is made of are open, as it asks for the key itself; other names are not."""
    made_keys(tmp_path / "data", "reader")
    with start_appliance().client() as client:
        for path in ("/", *(f"/console/{name}" for name in ASSETS)):
            assert client.get(path).status_code == 200
        assert client.get("/console/other.js").status_code == 401


def test_it_may_do_what_it_needs_and_no_more(client: httpx.Client) -> None:
    """Scripts, styles and requests are of the appliance alone, none stand in the page, and only this page may ask for
    the microphone."""
    page = client.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for kind in ("script-src", "style-src", "connect-src", "worker-src"):
        assert policy[kind] == "'self'"
    assert "microphone=(self)" in page.headers["Permissions-Policy"]
    assert "microphone=()" in client.get("/docs").headers["Permissions-Policy"]
    assert not re.search(r"<script[^>]*>[^<]|<style|\bstyle=|\bon[a-z]+=", page.text)


def test_the_page_names_what_is_there(client: httpx.Client) -> None:
    """Each module is fetched at once with the page, and nothing is named that is not served."""
    named = re.findall(r'(?:href|src)="console/([^"]+)"', client.get("/").text)
    assert sorted(set(named)) == sorted(ASSETS.keys() - (APART - {"main.js"}))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_module_imports_modules_of_the_console(name: str) -> None:
    """Every import leads to a file that is served, and no text ever becomes markup or code."""
    script = asyncio.run(ASSETS[name].read())[0].decode()
    assert set(re.findall(r'from "\./([^"]+)"', script)) <= ASSETS.keys()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)


@pytest.mark.parametrize("name", [*ASSETS, PAGE.name])
def test_no_other_server_is_asked(name: str) -> None:
    """No file names an address elsewhere; that of SVG is a name."""
    content = asyncio.run(ASSETS.get(name, PAGE).read())[0].replace(b"http://www.w3.org/2000/svg", b"")
    assert b"://" not in content


@pytest.mark.parametrize(
    "name", ["page.html", "..%2fassets.py", "assets.py", "%2e%2e%2f__init__.py", "main.js%00", "MAIN.JS"]
)
def test_no_other_file(client: httpx.Client, name: str) -> None:
    """What the console does not need cannot be read, whatever its name is."""
    answer = client.get(f"/console/{name}")
    assert (answer.status_code, answer.json()["type"]) == (404, "resource.not-found")
