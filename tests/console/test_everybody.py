"""That everybody can use it: axe-core finds nothing, the keyboard reaches all, and no width is too small."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Appliance
from tests.console.conftest import Console

VIEWS = ("voiceprints", "compare", "map", "convert", "tasks", "system")
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
# Where pictures of everything go, when somebody wants to look.
SHOTS = os.environ.get("CONSOLE_SHOTS")


def axe() -> str:
    """axe-core's script, as its package carries it."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js").read_text()


@pytest.fixture(scope="module", params=SIZES)
def furnished(request: pytest.FixtureRequest, browser: Browser, appliance: Appliance) -> Iterator[Console]:
    """A console in which everything has happened once, in the size that is named."""
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    console = Console(context.new_page(), appliance.url)
    console.page.goto(console.url)
    console.heard("demo.flac", "stranger.flac", "call.flac")
    console.give("make.py")
    expect(console.card("make").locator(".state")).to_have_text("Not done")
    stored = console.page.evaluate("() => JSON.parse(localStorage.getItem('voiceprint-tray'))[0].voiceprint")
    console.open("convert")
    console.page.get_by_label("Voiceprints as Base64").fill(stored)
    console.page.locator("form").get_by_role("button", name="Convert").click()
    expect(console.page.locator(".vectors li")).to_have_count(1)
    console.open("compare")
    expect(console.page.locator(".heat")).to_be_visible()
    console.open("map")
    expect(console.page.locator(".dot")).to_have_count(4)
    console.page.locator(".dot").first.focus()
    console.open("system")
    expect(console.page.locator("#view-system details tbody tr")).to_have_count(60)
    console.page.get_by_text("as a table").click()
    yield console
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(furnished: Console, view: str, scheme: str) -> None:
    """No view breaks a rule of axe-core, in either theme, and none is wider than the screen."""
    page = furnished.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    furnished.open(view)
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        size = page.viewport_size or {}
        page.screenshot(path=f"{SHOTS}/{view}-{size.get('width')}-{scheme}.png", full_page=True)
    page.evaluate(axe())
    found = page.evaluate("() => axe.run()")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_keyboard_is_enough(console: Console) -> None:
    """The first key leads past the navigation, the next ones to the files and the microphone."""
    console.page.goto(console.url)
    reached = []
    for _ in range(11):
        console.page.keyboard.press("Tab")
        reached.append(console.page.evaluate("() => document.activeElement.id || document.activeElement.textContent"))
    assert reached[0] == "skip"
    assert {"files", "Record", "Compare", "Options"} <= set(reached)
    console.open("map")
    assert console.page.evaluate("() => document.activeElement.textContent") == "Map"


def test_nothing_moves_for_whom_that_is_bad(console: Console) -> None:
    """Who asked for less motion sees a bar that stands still."""
    console.open()
    console.page.evaluate("() => document.querySelector('main').append(document.createElement('progress'))")
    names = "() => getComputedStyle(document.querySelector('progress')).animationName"
    assert console.page.evaluate(names) == "none"
