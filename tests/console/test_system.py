"""How it stands with the appliance, and what it did."""

import re

from playwright.sync_api import expect

from tests.console.conftest import Console


def test_the_last_hour(console: Console) -> None:
    """What was done is drawn in sixty columns, said in words, and stands in a table minute by minute."""
    console.heard("demo.flac")
    console.open("system")
    hour = console.page.get_by_role("region", name="The last hour", exact=True)
    expect(hour).to_contain_text(re.compile(r"\d tasks done, .* of audio"))
    for name in ("Tasks done", "Audio heard"):
        chart = hour.get_by_role("img", name=re.compile(f"^{name} in each minute of the last hour; most at "))
        expect(chart.locator("rect")).to_have_count(60)
        highest = max(
            float(high)
            for high in chart.locator("rect").evaluate_all("(all) => all.map((one) => one.getAttribute('height'))")
        )
        assert 20 <= highest <= 100
    hour.get_by_text("as a table").click()
    table = hour.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(61)
    assert sum(int(text) for text in table.locator("td:nth-child(2)").all_inner_texts()) > 0


def test_the_last_hour_pointed_at(console: Console) -> None:
    """A column tells its minute and its figure."""
    console.heard("demo.flac")
    console.open("system")
    chart = console.page.get_by_role("img", name=re.compile("^Tasks done .* most at"))
    box = chart.bounding_box()
    assert box
    console.page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    expect(console.page.locator("figure", has=chart)).to_contain_text(re.compile(r"at \d\d:\d\d: 0 tasks"))
