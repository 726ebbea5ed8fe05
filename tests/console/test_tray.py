"""What is made of the tray's voiceprints: comparison, map, conversion."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from schemas import voiceprint
from tests.console.conftest import Console


def tray(console: Console) -> list[dict[str, object]]:
    return list(console.page.evaluate("() => JSON.parse(localStorage.getItem('voiceprint-tray'))"))


def test_comparing(console: Console) -> None:
    """Two recordings lead to a verdict in words with one click more."""
    console.heard("demo.flac", "stranger.flac")
    console.page.get_by_role("link", name="Is it the same speaker?").click()
    panel = console.page.get_by_role("region", name="Verdict")
    expect(panel).to_contain_text("Different speakers, very likely")
    expect(panel).to_contain_text(re.compile(r"Score \W\d"))
    expect(console.page.get_by_role("grid").get_by_role("gridcell")).to_have_count(5)


def test_the_first_verdict_by_keyboard(console: Console) -> None:
    """From two recordings the keyboard leads to the verdict, and on to every score."""
    console.heard("demo.flac", "stranger.flac")
    console.page.locator("#files").focus()
    wanted = "() => document.activeElement.textContent === 'Is it the same speaker?'"
    for _ in range(6):
        console.page.keyboard.press("Tab")
        if console.page.evaluate(wanted):
            break
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("heading", name="Compare")).to_be_focused()
    expect(console.page.get_by_role("region", name="Verdict")).to_contain_text("Different speakers, very likely")
    console.page.keyboard.press("Tab")
    expect(console.page.locator("td.chosen")).to_be_focused()


def test_walking_through_the_scores(console: Console) -> None:
    """Arrow keys lead from score to score, and the verdict follows."""
    console.heard("demo.flac", "call.flac")
    console.open("compare")
    chosen = console.page.locator("td.chosen")
    expect(chosen).to_be_visible()
    panel = console.page.get_by_role("region", name="Verdict")
    before = panel.inner_text()
    chosen.focus()
    console.page.keyboard.press("ArrowUp")
    console.page.keyboard.press("ArrowLeft")
    console.page.keyboard.press("ArrowUp")
    assert console.page.evaluate("() => document.activeElement.dataset.row") == "0"
    assert panel.inner_text() != before


def test_the_tray_outlasts_the_page(console: Console) -> None:
    """Names that were given and what was removed are as they were after a reload."""
    console.heard("demo.flac", "answer.flac")
    console.open("compare")
    console.page.get_by_label("Name of voiceprint demo").fill("Eve")
    console.page.get_by_label("Name of voiceprint demo").press("Enter")
    console.page.get_by_role("button", name="Remove answer").click()
    console.page.reload()
    assert [item["name"] for item in tray(console)] == ["Eve"]
    expect(console.page.get_by_text("a comparison needs two")).to_be_visible()
    console.page.get_by_role("button", name="Empty the tray").click()
    assert tray(console) == []


def test_the_map(console: Console) -> None:
    """Every voiceprint is a point that the keyboard reaches; its neighbours are told."""
    console.heard("demo.flac", "call.flac")
    console.open("map")
    dots = console.page.locator(".dot")
    expect(dots).to_have_count(3)
    console.page.get_by_role("img", name="demo", exact=True).focus()
    expect(console.page.locator(".near li").first).to_contain_text("call, channel 1")
    expect(console.page.locator(".joins line")).to_have_count(2)


@pytest.mark.parametrize("count", [3, 12])
def test_principal_components(console: Console, count: int) -> None:
    """The plane is that of a singular value decomposition, up to the direction of its axes."""
    console.open()
    vectors = np.random.default_rng(count).normal(size=(count, 40)) * np.linspace(3, 0.2, 40)
    compute = "async (vectors) => (await import(new URL('console/pca.js', document.baseURI))).plane(vectors)"
    found = console.page.evaluate(compute, vectors.tolist())
    centred = vectors - vectors.mean(0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found["points"]), np.abs(left[:, :2] * values[:2]), atol=1e-4)
    assert found["share"] == pytest.approx((values[:2] ** 2).sum() / (values**2).sum())


def test_conversion(console: Console, tmp_path: Path) -> None:
    """Pasted text and a saved file become the vectors that the extraction gave, and can be saved."""
    console.heard("demo.flac", "answer.flac")
    first, second = tray(console)
    saved = tmp_path / "second.vp"
    saved.write_bytes(voiceprint.from_base64(str(second["voiceprint"])))
    console.open("convert")
    console.page.get_by_label("Voiceprints as Base64").fill(str(first["voiceprint"]))
    console.page.set_input_files("#voiceprint-files", saved)
    expect(console.page.locator("#announcer")).to_contain_text("1 voiceprint read")
    console.page.locator("form").get_by_role("button", name="Convert").click()
    expect(console.page.locator(".vectors li")).to_have_count(2)
    expect(console.page.locator(".vectors")).to_contain_text("ge2e · 256 numbers")
    with console.page.expect_download() as saving:
        console.page.get_by_role("button", name="All as JSON").click()
    assert json.loads(saving.value.path().read_text()) == [first["vector"], second["vector"]]


def test_what_cannot_be_converted_is_named(console: Console) -> None:
    """A voiceprint that is none is told by its number."""
    console.heard("demo.flac")
    console.open("convert")
    console.page.get_by_label("Voiceprints as Base64").fill(f"{tray(console)[0]['voiceprint']}\nAAAA")
    console.page.locator("form").get_by_role("button", name="Convert").click()
    expect(console.page.get_by_role("alert").get_by_role("listitem")).to_contain_text("Number 2")
