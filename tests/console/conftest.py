"""A real browser, and an appliance for it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import soundfile
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from appliance.settings import Settings
from tests.conftest import RECORDINGS, Appliance, running

# A busy machine is waited for.
expect.set_options(timeout=60_000)


@dataclass
class Console:
    """The page in one tab, and what it was asked and said."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)

    def open(self, view: str = "voiceprints") -> None:
        """Shows a view, as its link does."""
        if not self.page.url.startswith(self.url):
            self.page.goto(self.url)
        self.page.locator(f'nav a[href="#/{view}"]').click()
        expect(self.page.locator(f"#view-{view}")).to_be_visible()

    def give(self, *names: str) -> None:
        """Chooses recordings of the tests."""
        self.open()
        self.page.set_input_files("#files", [RECORDINGS / name for name in names])

    def give_key(self, key: str) -> None:
        """Gives an API key without having been asked."""
        self.page.get_by_role("button", name="API key").click()
        dialog = self.page.get_by_role("dialog", name="API key")
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_role("button", name="Use this key").click()
        expect(dialog).to_be_hidden()

    def card(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=name, exact=True)

    def heard(self, *names: str) -> None:
        """Gives recordings and waits until all is known of them."""
        self.give(*names)
        for name in names:
            card = self.card(Path(name).stem)
            expect(card.locator(".state")).to_have_text("Done")
            expect(card.locator(".facts").first).to_contain_text("Sounds like a")


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears."""
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    samples, rate = soundfile.read(RECORDINGS / "demo.flac")
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def browser(spoken: Path) -> Iterator[Browser]:
    """Debian's chromium without a window; root has no sandbox for it."""
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("the console is tested in a browser: apt-get install --no-install-recommends chromium")
    hears = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    hears.append(f"--use-file-for-fake-audio-capture={spoken}")
    with sync_playwright() as playwright:
        free = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=found, args=[*hears, *free])
        yield started
        started.close()


@pytest.fixture(scope="session")
def appliance(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One appliance for all tests that do not break it."""
    folder = tmp_path_factory.mktemp("appliance")
    own = {"http_port": 0, "grpc": "off", "workers": 1, "data_dir": folder, "models_dir": models_dir}
    with running(Settings.model_validate(own)) as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has never been here."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield made
    made.close()


@pytest.fixture
def look(context: BrowserContext) -> Iterator[Callable[[str], Console]]:
    """Opens the console of an address; at the end the page must not have failed anywhere."""
    faults: list[str] = []

    def opened(url: str) -> Console:
        page = context.new_page()
        console = Console(page, url)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("request", lambda request: console.requests.append(request.url))
        return console

    yield opened
    assert faults == []


@pytest.fixture
def console(look: Callable[[str], Console], appliance: Appliance) -> Console:
    """The console of the shared appliance."""
    return look(appliance.url)
