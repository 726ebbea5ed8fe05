"""From a recording to what is known of its voice."""

import re

import httpx
from playwright.sync_api import expect

from schemas import voiceprint
from tests.conftest import API, EXTRACTION, RECORDINGS
from tests.console.conftest import Console


def test_a_recording_becomes_a_voiceprint(console: Console) -> None:
    """Quality, speech, voice and vector are told, and what is saved is the voiceprint."""
    console.heard("demo.flac")
    card = console.card("demo")
    expect(card).to_contain_text("Good recording")
    expect(card).to_contain_text("Sounds like a man")
    expect(card.locator(".waveform")).to_have_attribute("aria-label", re.compile("2 stretches of speech: 0.0 to 1.7 s"))
    expect(card.locator(".strip")).to_have_attribute("aria-label", re.compile("256 numbers"))
    with console.page.expect_download() as saving:
        card.get_by_role("button", name="Download").click()
    assert saving.value.suggested_filename == "demo.vp"
    assert voiceprint.decode(saving.value.path().read_bytes()).vector.shape == (256,)


def test_copying(console: Console) -> None:
    """The clipboard gets the voiceprint as the interface writes it."""
    console.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    console.heard("demo.flac")
    console.card("demo").get_by_role("button", name="Copy voiceprint").click()
    expect(console.card("demo").get_by_text("Copied")).to_be_visible()
    copied = console.page.evaluate("() => navigator.clipboard.readText()")
    assert voiceprint.decode(voiceprint.from_base64(copied)).model == "ge2e"


def test_channels_stand_apart(console: Console) -> None:
    """A call is two channels, each with its waveform and its voiceprint."""
    console.heard("call.flac")
    expect(console.card("call").locator(".waveform")).to_have_count(2)
    expect(console.card("call").get_by_role("heading", name="Channel 2")).to_be_visible()
    console.open("compare")
    expect(console.page.locator(".tray li")).to_have_count(2)


def test_what_the_browser_cannot_decode(console: Console) -> None:
    """The appliance hears it all the same; the page says what is missing."""
    console.heard("gsm-8k.wav")
    expect(console.card("gsm-8k")).to_contain_text("its waveform is not drawn")


def test_a_wrong_file(console: Console) -> None:
    """It is said what is wrong, and not offered to try again in vain."""
    console.give("make.py")
    expect(console.card("make").locator(".state")).to_have_text("Not done")
    expect(console.card("make")).to_contain_text("not a recording")
    expect(console.card("make").get_by_role("button", name="Try again")).to_have_count(0)
    expect(console.page.locator("#announcer")).to_contain_text("not a recording")


def test_many_at_once(console: Console) -> None:
    """More recordings than a browser has connections all come to their end, whatever their format."""
    names = [
        "demo.flac",
        "answer.flac",
        "stranger.flac",
        "call.flac",
        "mpeg.mp3",
        "vorbis.ogg",
        "opus.opus",
        "ulaw-8k.wav",
    ]
    console.give(*names)
    expect(console.page.locator(".recording .state.done")).to_have_count(len(names))
    expect(console.page.locator(".recording .facts", has_text="Sounds like a")).to_have_count(len(names) + 1)


def test_erasing(console: Console) -> None:
    """What a card erases is unknown to the appliance from then on; the tray keeps its voiceprint."""
    console.heard("demo.flac")
    made = console.page.evaluate("() => JSON.parse(localStorage.getItem('voiceprint-tasks'))")
    paths = [f"{API}/{task['technology']}/{task['id']}" for task in made]
    assert any(path.startswith(EXTRACTION) for path in paths)
    console.card("demo").get_by_role("button", name="Erase demo").click()
    expect(console.card("demo")).to_have_count(0)
    for path in paths:
        assert httpx.get(f"{console.url}{path}").status_code == 404
    console.open("tasks")
    expect(console.page.locator("#view-tasks tbody")).not_to_contain_text("demo.flac")
    console.open("compare")
    expect(console.page.locator(".tray li")).to_have_count(1)


def test_the_microphone(console: Console) -> None:
    """What is spoken into the page becomes a voiceprint, without any other program."""
    console.open()
    console.page.get_by_role("button", name="Record", exact=True).click()
    expect(console.page.locator(".clock")).to_have_text(re.compile(r"^[4-9]"))
    console.page.get_by_role("button", name="Stop and send").click()
    card = console.page.locator(".recording")
    expect(card.locator(".state")).to_have_text("Done")
    expect(card.locator(".facts")).to_contain_text("Sounds like a")
    expect(card.locator(".strip")).to_be_visible()


def test_nothing_moves_by_itself(console: Console) -> None:
    """What comes later has had its room from the start (cumulative layout shift)."""
    console.open()
    watch = """() => {
      window.moved = 0;
      const value = ({ hadRecentInput, value }) => (hadRecentInput ? 0 : value);
      const add = (list) => list.getEntries().forEach((entry) => (window.moved += value(entry)));
      new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
    }"""
    console.page.evaluate(watch)
    console.heard("demo.flac")
    console.open("system")
    expect(console.page.locator("#view-system details tbody tr")).to_have_count(60)
    console.open("tasks")
    expect(console.page.locator("#view-tasks tbody tr").first).to_contain_text("Done")
    assert console.page.evaluate("() => window.moved") < 0.02


def test_dropping(console: Console) -> None:
    """A file that is let fall anywhere on the page is taken, and the browser does not open it instead."""
    console.open()
    drop = """([name, bytes]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(bytes)], name));
      const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector("h1").dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert console.page.evaluate(drop, ["mpeg.mp3", list((RECORDINGS / "mpeg.mp3").read_bytes())])
    expect(console.card("mpeg").locator(".state")).to_have_text("Done")
