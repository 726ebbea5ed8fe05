"""The list of one's own tasks."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Locator, expect

from appliance.access.api_key import Scope
from tests.conftest import API, CONVERSION, EXTRACTION, RECORDINGS, Appliance
from tests.console.conftest import Console
from tests.made_keys import made_keys

PAGE = 50
# Longer than between two looks; the page's clock is turned, nobody waits.
LONG = "00:30"


def sent_elsewhere(console: Console, count: int = 1, **options: object) -> list[str]:
    """Tasks that another program sends; their ids, the newest first."""
    body = {"voiceprints": ["[1.0]"]}
    with httpx.Client(base_url=console.url, **options) as client:  # type: ignore[arg-type]
        answers = [client.post(CONVERSION, json=body) for _ in range(count)]
    return [answer.json()["task"]["task_id"] for answer in answers][::-1]


def row(console: Console, task_id: str) -> Locator:
    return console.page.locator(f'[data-id="{task_id}"]')


def ids(console: Console) -> list[str]:
    return console.page.locator("#view-tasks tbody tr").evaluate_all("(rows) => rows.map((row) => row.dataset.id)")


def own(console: Console) -> list[dict[str, str]]:
    return list(console.page.evaluate("() => JSON.parse(localStorage.getItem('voiceprint-tasks'))"))


def test_those_of_other_programs_too(console: Console) -> None:
    """What this browser sent has its file's name, also after a reload, what came from elsewhere its id; the newest is
    the first, and one that comes while the list is looked at appears by itself."""
    console.page.clock.install()
    console.heard("demo.flac")
    (other,) = sent_elsewhere(console)
    console.page.reload()
    console.open("tasks")
    expect(console.page.get_by_role("row", name="demo.flac Extraction")).to_contain_text("Done")
    expect(row(console, other)).to_contain_text(re.compile(f"{other[:8]}….*Conversion, from elsewhere.*Done"))
    assert ids(console)[0] == other
    (another,) = sent_elsewhere(console)
    console.page.clock.fast_forward(LONG)
    expect(row(console, another)).to_contain_text("Done")
    assert ids(console)[:2] == [another, other]


def test_erasing_all_of_this_browser(console: Console) -> None:
    """Those of others stay."""
    (other,) = sent_elsewhere(console)
    console.heard("demo.flac")
    made = own(console)
    console.open("tasks")
    console.page.get_by_role("button", name="Erase all of this browser").click()
    for task in made:
        expect(row(console, task["id"])).to_have_count(0)
        assert httpx.get(f"{console.url}{API}/{task['technology']}/{task['id']}").status_code == 404
    expect(row(console, other)).to_be_visible()
    assert own(console) == []


def test_erasing_one_after_the_other(console: Console) -> None:
    """With the keyboard alone: what was pressed is gone, the next one is at hand, and what is new moves nothing."""
    console.page.clock.install()
    first, second, third = sent_elsewhere(console, 3)
    console.open("tasks")
    erasing = row(console, first).get_by_role("button", name="Erase")
    erasing.focus()
    console.page.keyboard.press("Enter")
    expect(row(console, first)).to_have_count(0)
    expect(row(console, second).get_by_role("button")).to_be_focused()
    (newer,) = sent_elsewhere(console)
    console.page.clock.fast_forward(LONG)
    expect(console.page.get_by_text("1 newer task will be shown")).to_be_visible()
    console.page.keyboard.press("Enter")
    expect(row(console, second)).to_have_count(0)
    expect(row(console, third).get_by_role("button")).to_be_focused()
    console.open("system")
    console.open("tasks")
    expect(row(console, newer)).to_be_visible()


def test_page_by_page(console: Console) -> None:
    """More are shown when they are asked for, in order, and the first of them has focus."""
    sent = sent_elsewhere(console, PAGE + 3)
    console.open("tasks")
    more = console.page.get_by_role("button", name="Show more")
    more.click()
    expect(row(console, sent[-1])).to_be_visible()
    assert ids(console)[: len(sent)] == sent
    assert console.page.evaluate("() => document.activeElement.closest('tr').dataset.id") == sent[PAGE]
    expect(console.page.locator("#announcer")).to_contain_text("tasks are shown")


def test_all_of_a_long_list(console: Console) -> None:
    """What does not come in one answer of the appliance is asked for in several; here that is made short."""
    sent = sent_elsewhere(console, 5)
    short = lambda route: route.continue_(url=re.sub(r"limit=\d+", "limit=2", route.request.url))  # noqa: E731
    console.page.route("**/api/tasks?*", short)
    console.open("tasks")
    expect(row(console, sent[-1])).to_be_visible()
    assert ids(console)[:5] == sent


def test_why_one_was_rejected(console: Console) -> None:
    """Is said in its row, whoever sent it."""
    with httpx.Client(base_url=console.url) as client:
        answer = client.post(EXTRACTION, files={"file": b"no recording"})
    console.open("tasks")
    expect(row(console, answer.json()["task"]["task_id"])).to_contain_text("not a recording")


def test_nobody_looks_at_a_hidden_tab(console: Console) -> None:
    """Nor at another view: then nothing is asked, and at once when it is seen again."""
    console.page.clock.install()
    console.open("tasks")
    asks = lambda: len([address for address in console.requests if "/api/tasks" in address])  # noqa: E731
    tab = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    expect(console.page.locator("#view-tasks table")).to_be_visible()
    console.page.evaluate(tab, True)
    before = asks()
    (other,) = sent_elsewhere(console)
    console.page.clock.run_for(LONG)
    assert asks() == before
    console.page.evaluate(tab, False)
    expect(row(console, other)).to_be_visible()
    console.open("map")
    before = asks()
    console.page.clock.run_for(LONG)
    assert asks() == before


def test_a_key_that_may_not_read(
    look: Callable[[str], Console], start_appliance: Callable[..., Appliance], tmp_path: Path
) -> None:
    """It is said, and what this browser sent is shown; with another key, all of that key's is."""
    small, full = made_keys(tmp_path / "data", "small", scopes=(Scope.SUBMIT,)) + made_keys(tmp_path / "data", "desk")
    console = look(start_appliance(grpc="off").url)
    console.open()
    console.give_key(small)
    console.give("demo.flac")
    expect(console.card("demo")).to_contain_text("lacks the scope 'read'")
    console.open("tasks")
    view = console.page.locator("#view-tasks")
    expect(view.get_by_role("alert")).to_contain_text("lacks the scope 'read'")
    expect(view.get_by_role("alert")).to_contain_text("what was sent from this browser")
    expect(view.get_by_role("row", name="demo.flac Extraction")).to_contain_text("Not known")
    with (RECORDINGS / "answer.flac").open("rb") as file:
        answer = httpx.post(f"{console.url}{EXTRACTION}", headers={"X-API-Key": full}, files={"file": file})
    console.give_key(full)
    sent = row(console, answer.json()["task"]["task_id"])
    expect(sent).to_contain_text("Done")
    expect(view.get_by_role("alert")).to_be_hidden()
    assert len(ids(console)) == 1
    sent.get_by_role("button", name="Erase").click()
    expect(sent).to_have_count(0)
    assert httpx.get(answer.headers["Location"], headers={"X-API-Key": full}).status_code == 404


def test_an_appliance_without_the_list(console: Console) -> None:
    """Of an older version it is said so, and what this browser sent is shown with its state."""
    console.heard("demo.flac")
    # The one answer of an older appliance that differs.
    console.page.route("**/api/tasks?*", lambda route: route.fulfill(status=404, json={"message": "there is none"}))
    sent_elsewhere(console)
    console.open("tasks")
    view = console.page.locator("#view-tasks")
    expect(view.get_by_role("alert")).to_contain_text("lists no tasks")
    expect(view.get_by_role("row", name="demo.flac Extraction")).to_contain_text("Done")
    assert set(ids(console)) == {task["id"] for task in own(console)}
