// Sixty minutes as sixty columns.

import { make } from "./dom.js";
import { timeOfDay } from "./words.js";

const MINUTES = 60;
const HIGH = 100;
const LOWEST = 2;

/** The chart called `title`, told with `show(starts, values)`: the minutes' beginnings in milliseconds, and a figure for each.
 * `words(value)` says a figure; scales end at `round` figures, the last of which is one of the next size. */
export function hourChart(title, words, round = [1, 2, 5, 10]) {
  const columns = Array.from({ length: MINUTES }, (_, place) =>
    make("rect", { x: place + 0.1, width: 0.8, y: HIGH, height: 0 }),
  );
  const drawing = make(
    "svg",
    { viewBox: `0 0 ${MINUTES} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": title },
    columns,
  );
  const most = make("span", { class: "most" });
  const readout = make("span", { class: "muted small", "aria-hidden": "true" });
  let shown = { starts: [], values: [] };
  let busiest = "";

  function show(starts, values) {
    shown = { starts, values };
    const top = end(Math.max(...values), round);
    const first = MINUTES - values.length;
    columns.forEach((column, place) => {
      const value = values[place - first] ?? 0;
      const high = value ? Math.max(LOWEST, (value / top) * HIGH) : 0;
      column.setAttribute("y", HIGH - high);
      column.setAttribute("height", high);
    });
    columns.at(-1).setAttribute("class", "unfinished");
    most.textContent = words(top);
    const peak = values.indexOf(Math.max(...values));
    busiest = values[peak] ? `most at ${timeOfDay(starts[peak])}: ${words(values[peak])}` : "";
    drawing.setAttribute("aria-label", `${title} in each minute of the last hour; ${busiest || "none"}`);
    readout.textContent = busiest;
  }

  function point({ clientX }) {
    const { left, width } = drawing.getBoundingClientRect();
    const place = Math.floor(((clientX - left) / width) * MINUTES) - MINUTES + shown.values.length;
    if (place in shown.values)
      readout.textContent = `at ${timeOfDay(shown.starts[place])}: ${words(shown.values[place])}`;
  }

  drawing.addEventListener("pointermove", point);
  drawing.addEventListener("pointerleave", () => (readout.textContent = busiest));
  const ends = ["an hour ago", "now"].map((said) => make("span", {}, said));
  return {
    element: make(
      "figure",
      {},
      make("figcaption", { class: "row" }, make("h3", { class: "grow" }, title), readout),
      make("div", { class: "plot" }, most, drawing),
      make("div", { class: "scale", "aria-hidden": "true" }, ends),
    ),
    show,
  };
}

// Where a scale ends that holds `value`.
function end(value, round) {
  let size = 1;
  while (value > size * round.at(-1)) size *= round.at(-1);
  return size * round.find((figure) => size * figure >= value);
}
