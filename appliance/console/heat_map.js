// All with all as a table in colours, walked through with the arrow keys.

import { make, unseen } from "./dom.js";
import { signed, verdict } from "./words.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The table of `names` by themselves; `score(row, column)` is a log-likelihood ratio; `chosen(row, column)` is called for
 * the pair that has focus or the pointer. Answers with the element and `choose(row, column)`. */
export function heatMap(names, score, chosen) {
  const cells = names.map((one, row) => names.map((other, column) => cell(one, other, row, column)));
  const table = make(
    "table",
    {
      class: "heat",
      role: "grid",
      "aria-label": "Scores of all voiceprints with all",
      onkeydown: walk,
      onfocusin: told,
      onpointerover: told,
    },
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("td", {}),
        names.map((name, number) => make("th", { scope: "col", title: name }, String(number + 1), unseen(` ${name}`))),
      ),
    ),
    make(
      "tbody",
      {},
      names.map((name, row) =>
        make(
          "tr",
          {},
          make(
            "th",
            { scope: "row", title: name },
            make("span", { class: "number" }, String(row + 1)),
            make("span", { class: "name" }, name),
          ),
          cells[row],
        ),
      ),
    ),
  );
  let current = cells[0][0];

  function cell(one, other, row, column) {
    const place = { "data-row": row, "data-column": column, tabindex: -1 };
    if (row === column) return make("td", { ...place, class: "self", "aria-label": `${one} with itself` }, "–");
    const llr = score(row, column);
    const { tone, words } = verdict(llr);
    return make(
      "td",
      { ...place, class: tone, "aria-label": `${one} and ${other}: ${signed(llr)}, ${words}` },
      signed(llr),
    );
  }

  function choose(row, column) {
    current.tabIndex = -1;
    current.classList.remove("chosen");
    current = cells[row][column];
    current.tabIndex = 0;
    current.classList.add("chosen");
    if (row !== column) chosen(row, column);
  }

  const placeOf = ({ dataset }) => [Number(dataset.row), Number(dataset.column)];
  function told({ target }) {
    const found = target.closest("td[data-row]");
    if (found && found !== current) choose(...placeOf(found));
  }
  function walk(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const [row, column] = placeOf(current);
    cells[Math.max(0, Math.min(names.length - 1, row + step[0]))][
      Math.max(0, Math.min(names.length - 1, column + step[1]))
    ].focus();
  }
  return { element: make("div", { class: "sideways" }, table), choose };
}
