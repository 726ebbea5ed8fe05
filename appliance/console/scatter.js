// Named points in a plane, each of which can be pointed at and reached with the keyboard.

import { make } from "./dom.js";

const WIDE = 640;
const HIGH = 420;
const EDGE = 56;
const LETTER = 8;
const LINE = 18;
// Names of more points than this would only cover each other: they come with focus and pointer.
const NAMED = 24;

/** The drawing; `chosen(number)` is called for the point at hand and answers with the numbers of those it is joined to. */
export function scatter(names, points, chosen) {
  const [across, down] = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  // One scale for both axes: distances are to be seen as they are.
  const scale = Math.min(
    (WIDE - 2 * EDGE) / (across[1] - across[0] || 1),
    (HIGH - 2 * EDGE) / (down[1] - down[0] || 1),
  );
  const placed = points.map(([x, y]) => [
    WIDE / 2 + (x - (across[0] + across[1]) / 2) * scale,
    HIGH / 2 - (y - (down[0] + down[1]) / 2) * scale,
  ]);
  const labels = apart(placed, names);
  const joins = make("g", { class: "joins", "aria-hidden": "true" });
  const dots = names.map((name, number) => {
    const [x, y] = placed[number];
    const { anchor, y: under } = labels[number];
    return make(
      "g",
      {
        class: "dot",
        tabindex: 0,
        role: "img",
        "aria-label": name,
        onfocus: () => show(number),
        onpointerenter: () => show(number),
      },
      make("circle", { class: "reach", cx: x, cy: y, r: 16 }),
      make("circle", { class: "point", cx: x, cy: y, r: 7 }),
      make("text", { x: x + (anchor === "end" ? -13 : 13), y: under + 4, "text-anchor": anchor }, short(name)),
    );
  });

  function show(number) {
    const joined = chosen(number);
    joins.replaceChildren(
      ...joined.map((other) =>
        make("line", { x1: placed[number][0], y1: placed[number][1], x2: placed[other][0], y2: placed[other][1] }),
      ),
    );
    dots.forEach((dot, place) => {
      dot.classList.toggle("chosen", place === number);
      dot.classList.toggle("joined", joined.includes(place));
    });
  }
  return make(
    "svg",
    {
      viewBox: `0 0 ${WIDE} ${HIGH}`,
      class: names.length > NAMED ? "crowded" : "",
      role: "group",
      "aria-label": "Map of the voiceprints",
    },
    joins,
    dots,
  );
}

const short = (name) => (name.length > 24 ? `${name.slice(0, 23)}…` : name);

// Names side by side with their points, moved down where they would cover one another.
function apart(placed, names) {
  const laid = [];
  const found = new Array(names.length);
  const order = placed.map((_, number) => number).sort((one, other) => placed[one][1] - placed[other][1]);
  for (const number of order) {
    const [x, y] = placed[number];
    const wide = short(names[number]).length * LETTER;
    const anchor = x + wide > WIDE - 20 ? "end" : "start";
    const left = anchor === "end" ? x - 13 - wide : x + 13;
    const box = { left, right: left + wide, y };
    while (laid.some((other) => Math.abs(other.y - box.y) < LINE && other.left < box.right && box.left < other.right))
      box.y += 2;
    laid.push(box);
    found[number] = { anchor, y: box.y };
  }
  return found;
}
