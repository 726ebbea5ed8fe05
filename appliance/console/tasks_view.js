// The tasks that were sent from this browser, with how they stand.

import { announce } from "./announce.js";
import { button, fill, make, unseen } from "./dom.js";
import { lane } from "./lane.js";
import { erase, ownTasks, state } from "./tasks.js";
import { stateWords, technologyWords } from "./words.js";

const SHOWN = 100;
const asking = lane(4);
const when = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export const title = "My tasks";

export function view() {
  const body = make("tbody");
  const table = make(
    "table",
    { class: "plain" },
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        ["Of", "What", "Sent", "State", "Action"].map((words) => make("th", { scope: "col" }, words)),
      ),
    ),
    body,
  );
  const none = make("p", { class: "muted" }, "Nothing was sent from this browser, or all of it is erased.");
  const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
  const all = button("Erase all", "quiet danger", eraseAll);
  const element = make(
    "section",
    { class: "card", "aria-label": "Tasks of this browser" },
    make(
      "header",
      {},
      make("h2", { class: "grow", tabindex: -1 }, "Sent from this browser"),
      button("Look again", "quiet", refresh),
      all,
    ),
    trouble,
    none,
    make("div", { class: "sideways" }, table),
  );
  let open = false;

  function show() {
    if (!open) return;
    const items = ownTasks.items.slice(-SHOWN).reverse();
    none.hidden = items.length > 0;
    table.hidden = all.hidden = items.length === 0;
    const rows = new Map([...body.children].map((row) => [row.dataset.id, row]));
    fill(
      body,
      items.map((item) => rows.get(item.id) ?? entry(item)),
    );
  }

  function entry(item) {
    const stands = make("td", { class: "stands" }, "…");
    const erasing = button("Erase", "quiet danger", () => attempt(item, erasing));
    erasing.append(unseen(` ${technologyWords(item.technology)} of ${item.about}`));
    const row = make(
      "tr",
      { "data-id": item.id },
      make("th", { scope: "row" }, item.about),
      make("td", {}, technologyWords(item.technology)),
      make("td", {}, when.format(item.sent)),
      stands,
      make("td", {}, erasing),
    );
    row.refresh = () => asking(async () => look(item, stands));
    row.refresh();
    return row;
  }

  async function look(item, stands) {
    const found = await state(item);
    // What has expired is no task any more.
    if (found === "gone") ownTasks.remove(item.id);
    else stands.textContent = stateWords(found);
  }

  function refresh() {
    show();
    for (const row of body.children) row.refresh();
  }

  async function attempt(item, erasing) {
    erasing.disabled = true;
    trouble.hidden = true;
    try {
      await erase(item);
      element.querySelector("h2").focus();
      announce(`${technologyWords(item.technology)} of ${item.about} is erased.`);
    } catch (fault) {
      erasing.disabled = false;
      trouble.textContent = `It is not erased. ${fault.message}`;
      trouble.hidden = false;
    }
  }

  async function eraseAll() {
    all.disabled = true;
    trouble.hidden = true;
    try {
      for (const item of [...ownTasks.items]) await erase(item);
      element.querySelector("h2").focus();
      announce("All is erased.");
    } catch (fault) {
      trouble.textContent = `Not all is erased. ${fault.message}`;
      trouble.hidden = false;
    }
    all.disabled = false;
  }

  ownTasks.addEventListener("change", show);
  return {
    element,
    shown() {
      open = true;
      refresh();
    },
    hidden: () => (open = false),
  };
}
