// One task as a row: what it is of, when it was sent, how it stands, and how to be rid of it.

import { button, fill, make, unseen } from "./dom.js";
import { seconds, stateWords, technologyWords, timeOfDay } from "./words.js";

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const TONES = { done: "done", failed: "failed", rejected: "failed" };

/** The row of `task`, an item of {id, technology, sent, about}; `about` is null for what this browser did not send. `eraseIt`
 * is called with the row's button. `show({state, ended, why})` tells how it stands, and why it did not succeed. */
export function taskRow(task, eraseIt) {
  const what = task.technology === null ? "Record lost" : technologyWords(task.technology);
  const name = task.about ?? `${task.id.slice(0, 8)}…`;
  const state = make("span", { class: "state" });
  const took = make("span", { class: "muted small" });
  const why = make("span", { class: "why" });
  const erasing = button("Erase", "quiet danger", () => eraseIt(erasing));
  erasing.append(unseen(` ${what} of ${name}`));
  const row = make(
    "tr",
    { "data-id": task.id },
    make(
      "th",
      { scope: "row", tabindex: -1, title: task.id },
      name,
      make("span", { class: "muted small" }, task.about === null ? `${what}, from elsewhere` : what, why),
    ),
    make("td", {}, moment(task.sent)),
    make("td", { class: "stands" }, state, took),
    // What has no technology has no address either: it goes by itself.
    make("td", {}, task.technology !== null && erasing),
  );
  let shown = "";
  row.show = ({ state: found, ended, why: said = "" }) => {
    if (shown === found) return;
    shown = found;
    state.className = `state ${TONES[found] ?? ""}`;
    state.textContent = found ? stateWords(found) : "…";
    why.textContent = said && ` · ${said}`;
    took.textContent = ended ? `after ${seconds(Math.max(0, ended - task.sent) / 1000)}` : "";
  };
  row.show(task);
  return row;
}

// The time alone for today, with the day before it otherwise.
function moment(sent) {
  const at = new Date(sent);
  const today = at.toDateString() === new Date().toDateString();
  const time = make("time", { datetime: at.toISOString(), title: at.toLocaleString() }, timeOfDay(at));
  return today ? time : fill(make("span"), `${DAY.format(at)}, `, time);
}
