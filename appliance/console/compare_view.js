// All voiceprints of the tray with all.

import { fill, make } from "./dom.js";
import { heatMap } from "./heat_map.js";
import { nothing } from "./nothing.js";
import { COMPARISON, answerTo } from "./tasks.js";
import { comparable, tray } from "./tray.js";
import { trayList } from "./tray_list.js";
import { verdictPanel } from "./verdict_panel.js";
import { many } from "./words.js";

// More cells than this nobody looks at one by one.
const MOST = 50;

// With so many voiceprints in the tray.
const LACKING = [
  "There is nothing to compare yet. Give two recordings, and read here whether the same person speaks.",
  "One voiceprint is in the tray: a comparison needs two.",
];

export const title = "Compare";

export function view() {
  const panel = verdictPanel();
  const place = make("div", { class: "matrix", "aria-busy": "false" });
  const notes = make("p", { class: "muted", role: "status" });
  const empty = nothing();
  const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
  let compared = "";
  let open = false;

  async function compare() {
    const groups = comparable();
    const items = (groups[0] ?? []).slice(-MOST);
    const asked = JSON.stringify(items.map((item) => [item.id, item.name]));
    if (!open || asked === compared) return;
    compared = asked;
    trouble.hidden = true;
    panel.element.hidden = items.length < 2;
    place.hidden = notes.hidden = items.length < 2;
    empty.say(items.length < 2 ? LACKING[items.length] : "");
    if (items.length < 2) return fill(place);
    notes.textContent = said(items, groups);
    place.setAttribute("aria-busy", "true");
    try {
      const voiceprints = items.map((item) => item.voiceprint);
      const { scores } = await answerTo(
        COMPARISON,
        { voiceprints_a: voiceprints, voiceprints_b: voiceprints },
        many(items.length, "voiceprint"),
      );
      if (asked === compared) show(items, scores);
    } catch (fault) {
      if (asked === compared) fail(fault);
    } finally {
      place.setAttribute("aria-busy", "false");
    }
  }

  function show(items, { columns_count: columns, values }) {
    const names = items.map((item) => item.name);
    const score = (row, column) => values[row * columns + column];
    const map = heatMap(names, score, (row, column) => panel.show(names[row], names[column], score(row, column)));
    fill(place, map.element);
    map.choose(items.length - 2, items.length - 1);
  }

  function fail(fault) {
    compared = "";
    trouble.hidden = false;
    fill(place);
    panel.element.hidden = true;
    fill(
      trouble,
      make("strong", {}, "They could not be compared. "),
      fault.message,
      " ",
      make("button", { type: "button", class: "primary", onclick: compare }, "Try again"),
    );
  }

  tray.addEventListener("change", compare);
  return {
    element: make(
      "div",
      { class: "columns" },
      make("div", { class: "wide" }, panel.element, empty.element, trouble, notes, place, legend()),
      trayList(),
    ),
    shown() {
      open = true;
      compare();
    },
    hidden: () => (open = false),
  };
}

function said(items, groups) {
  const left = groups.slice(1).flat().length;
  const others = left
    ? ` ${many(left, "voiceprint")} of other models cannot be compared with these and ${left === 1 ? "is" : "are"} left out.`
    : "";
  const most = groups[0].length > items.length ? ` The last ${items.length} are shown.` : "";
  return `Point at a score, or walk with the arrow keys, to read what it says.${most}${others}`;
}

function legend() {
  return make(
    "details",
    { class: "card" },
    make("summary", {}, "What the scores mean"),
    make(
      "p",
      {},
      "A score is a log-likelihood ratio: how much likelier two recordings are if one person speaks in both than if two people do. 0 says nothing; every 2.3 more is ten times likelier.",
    ),
    make(
      "p",
      {},
      "How likely it is that it is the same person depends on what you knew before as well: among a million strangers, even a high score finds the wrong one now and then.",
    ),
  );
}
