// One's own tasks, as the appliance lists them; where it does not, those that were sent from this browser.

import { announce } from "./announce.js";
import { arrange, button, make } from "./dom.js";
import { key } from "./key.js";
import { lane } from "./lane.js";
import { taskRow } from "./task_row.js";
import { erase, listed, ownTasks, state } from "./tasks.js";
import { watch } from "./watch.js";
import { many, technologyWords } from "./words.js";

const PAGE = 50;
const BUSY_MS = 2000;
const CALM_MS = 10_000;
// How often an appliance that has no list is asked for it again.
const WITHOUT_MS = 30_000;
const asking = lane(4);
const hovers = matchMedia("(hover: hover)");

export const title = "My tasks";

export function view() {
  const body = make("tbody");
  const columns = ["Task", "Sent", "State", "Action"].map((words) => make("th", { scope: "col" }, words));
  const table = make(
    "table",
    { class: "plain tasks", hidden: true },
    make("thead", {}, make("tr", {}, columns)),
    body,
  );
  const notes = make("p", { class: "muted said", role: "status", tabindex: -1 }, "Looking …");
  const without = make("p", { class: "trouble", role: "alert", hidden: true });
  const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
  const again = button("Look again", "quiet", () => looking.again(), { hidden: true });
  const all = button("Erase all of this browser", "quiet danger", eraseAll, { hidden: true });
  const more = button("Show more", "quiet", showMore, { hidden: true });
  const element = make(
    "section",
    { class: "card", "aria-label": "My tasks" },
    without,
    make("header", {}, notes, again, all),
    trouble,
    make("div", { class: "sideways" }, table),
    make("div", { class: "row middle more" }, more),
  );
  const looking = watch(look, fallBack, WITHOUT_MS);
  let most = PAGE;
  let paged = 0; // How many rows there were when more was asked for, 0 when it was not.

  async function look(signal) {
    const found = await listed(most, signal);
    const own = new Map(ownTasks.items.map((item) => [item.id, item.about]));
    without.hidden = again.hidden = true;
    const held = show(found.tasks.map((task) => ({ ...task, about: own.get(task.id) ?? null })));
    const elsewhere = found.tasks.filter((task) => !own.has(task.id)).length;
    all.hidden = found.tasks.length === elsewhere && !(found.more && own.size);
    more.hidden = !found.more;
    notes.textContent = told(found, elsewhere, held);
    return found.tasks.some(({ state }) => ["pending", "running"].includes(state)) ? BUSY_MS : CALM_MS;
  }

  function told({ tasks, more: others }, elsewhere, held) {
    if (held)
      return `${many(held, "newer task")} will be shown as soon as you leave the table.`;
    const whose = key() ? "Everything that was sent with this API key" : "Everything that was sent to this appliance";
    if (!tasks.length) return `${whose} is listed here. There is nothing, or all of it is erased or has expired.`;
    const count = `${others ? "the newest " : ""}${many(tasks.length, "task")}`;
    const from = elsewhere ? `${tasks.length - elsewhere || "none"} of them from this browser` : "all from this browser";
    return `${whose}: ${count}, ${from}.`;
  }

  function fallBack(fault) {
    const why = fault.status === 404 ? "This appliance is of a version that lists no tasks." : fault.message;
    const words = `${why} Shown is what was sent from this browser.`;
    if (without.textContent !== words) without.textContent = words;
    without.hidden = false;
    again.hidden = fault.away;
    showOwn(fault.away);
  }

  function showOwn(away) {
    const items = ownTasks.items.slice(-most).reverse();
    show(items.map((item) => ({ ...item, state: away ? "unknown" : "" })));
    all.hidden = items.length === 0;
    more.hidden = items.length === ownTasks.items.length;
    notes.textContent = items.length
      ? `Sent from this browser: ${many(ownTasks.items.length, "task")}.`
      : "Nothing was sent from this browser, or all of it is erased.";
    if (!away) for (const item of items) asking(() => askState(item));
  }

  async function askState(item) {
    const found = await state(item);
    // What has expired is no task any more.
    if (found === "gone") {
      ownTasks.remove(item.id);
      rowOf(item.id)?.remove();
    } else rowOf(item.id)?.show({ state: found });
  }

  /** Shows `tasks`, but moves nothing under somebody's hand: what is newer is held back meanwhile; answers with how many. */
  function show(tasks) {
    const rows = new Map([...body.children].map((row) => [row.dataset.id, row]));
    const first = inHand() ? tasks.findIndex(({ id }) => rows.has(id)) : 0;
    const shown = tasks.slice(Math.max(0, first));
    arrange(
      body,
      shown.map((task) => {
        const row = rows.get(task.id) ?? taskRow(task, (erasing) => attempt(task, erasing));
        if (task.state) row.show(task);
        return row;
      }),
    );
    table.hidden = shown.length === 0;
    if (paged) {
      body.children[Math.min(paged, body.children.length - 1)]?.querySelector("th").focus({ preventScroll: true });
      announce(`${many(shown.length, "task")} are shown.`);
      paged = 0;
    }
    return tasks.length - shown.length;
  }

  const rowOf = (id) => [...body.children].find((row) => row.dataset.id === id);
  const inHand = () => body.matches(":has(:focus-visible)") || (hovers.matches && body.matches(":hover"));

  function showMore() {
    paged = body.children.length;
    most += PAGE;
    looking.again();
  }

  async function attempt(task, erasing) {
    erasing.disabled = true;
    trouble.hidden = true;
    const name = `${technologyWords(task.technology)} of ${task.about ?? "a task that was sent elsewhere"}`;
    try {
      await erase(task);
      const row = rowOf(task.id);
      const beside = row && (row.nextElementSibling ?? row.previousElementSibling);
      (beside?.querySelector("button") ?? notes).focus();
      row?.remove();
      announce(`${name} is erased.`);
      looking.again();
    } catch (fault) {
      erasing.disabled = false;
      fail(`It is not erased. ${fault.message}`);
    }
  }

  async function eraseAll() {
    all.disabled = true;
    trouble.hidden = true;
    const done = await Promise.allSettled(ownTasks.items.map((item) => asking(() => erase(item))));
    const { reason } = done.find(({ status }) => status === "rejected") ?? {};
    if (reason) fail(`Not all is erased. ${reason.message}`);
    else announce("All that was sent from this browser is erased.");
    notes.focus();
    all.disabled = false;
    looking.again();
  }

  function fail(words) {
    trouble.textContent = words;
    trouble.hidden = false;
  }

  return { element, shown: looking.start, hidden: looking.stop };
}
