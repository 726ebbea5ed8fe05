"""When the appliance is away, and when it wants a key."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from appliance.access.api_key import Scope
from appliance.settings import Settings
from tests.conftest import Appliance, running
from tests.console.conftest import Console
from tests.made_keys import made_keys


def test_the_server_is_away(look: Callable[[str], Console], models_dir: Path, tmp_path: Path) -> None:
    """The page says so, keeps what it has, and goes on by itself when the appliance is back."""
    own = {"grpc": "off", "workers": 1, "models_dir": models_dir, "data_dir": tmp_path}
    with running(Settings.model_validate(own | {"http_port": 0})) as first:
        console = look(first.url)
        console.heard("demo.flac")
        console.open("system")
        expect(console.page.locator(".tile").first).to_contain_text("Ready")
    # What was seen last stays, but nobody is told that all is well.
    expect(console.page.locator(".tile").first).to_contain_text("Seen last at")
    expect(console.page.locator("#view-system")).to_contain_text("256 numbers")
    console.give("answer.flac")
    card = console.card("answer")
    expect(card).to_contain_text("The appliance does not answer")
    expect(console.page.locator("#away")).to_be_visible()
    expect(console.card("demo")).to_contain_text("Good recording")
    with running(Settings.model_validate(own | {"http_port": urlsplit(first.url).port})):
        expect(console.page.locator("#away")).to_be_hidden()
        card.get_by_role("button", name="Try again").click()
        expect(card.locator(".state")).to_have_text("Done")
        expect(card.locator(".facts")).to_contain_text("Sounds like a")


def test_a_key_is_asked_for(
    look: Callable[[str], Console], start_appliance: Callable[..., Appliance], tmp_path: Path
) -> None:
    """A wrong key is told, the right one lets what was begun go on; it is kept by the tab alone and in no address."""
    (key,) = made_keys(tmp_path / "data", "desk")
    console = look(start_appliance(grpc="off").url)
    console.give("demo.flac")
    dialog = console.page.get_by_role("dialog", name="API key")
    expect(dialog).to_contain_text("wants an API key")
    dialog.get_by_label("Key", exact=True).fill("vp_wrong")
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog).to_contain_text("opens nothing here")
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog).to_be_hidden()
    expect(console.card("demo").locator(".facts")).to_contain_text("Sounds like a")
    console.open("system")
    expect(console.page.locator(".tile").first).to_contain_text("Ready")
    assert not [
        address for address in console.requests if key in address or not address.startswith((console.url, "blob:"))
    ]
    assert key not in console.page.evaluate("() => JSON.stringify(localStorage)")
    assert key not in console.page.evaluate("() => document.documentElement.outerHTML")


def test_without_a_key_the_page_says_what_it_lacks(
    look: Callable[[str], Console], start_appliance: Callable[..., Appliance], tmp_path: Path
) -> None:
    """Who has no key to give is told so, and may try again."""
    made_keys(tmp_path / "data", "desk")
    console = look(start_appliance(grpc="off").url)
    console.give("demo.flac")
    console.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(console.card("demo")).to_contain_text("This needs an API key")
    expect(console.card("demo").get_by_role("button", name="Try again")).to_be_visible()


def test_a_key_that_may_not_do_all(
    look: Callable[[str], Console], start_appliance: Callable[..., Appliance], tmp_path: Path
) -> None:
    """With a key that may only submit and read there is a voiceprint; what it may not do is told where it is wanted."""
    (key,) = made_keys(tmp_path / "data", "desk", scopes=(Scope.SUBMIT, Scope.READ))
    console = look(start_appliance(grpc="off").url)
    console.give("demo.flac")
    dialog = console.page.get_by_role("dialog", name="API key")
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button", name="Use this key").click()
    card = console.card("demo")
    expect(card.locator(".facts")).to_contain_text("Sounds like a")
    card.get_by_role("button", name="Erase demo").click()
    expect(card).to_contain_text("lacks the scope 'erase'")
    console.open("system")
    expect(console.page.locator("#view-system").get_by_role("alert")).to_contain_text("lacks the scope 'system'")
