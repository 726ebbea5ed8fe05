// The tray as a map: voices that sound alike lie near each other.

import { fill, make } from "./dom.js";
import { nothing } from "./nothing.js";
import { dot } from "./pca.js";
import { scatter } from "./scatter.js";
import { comparable, tray } from "./tray.js";
import { many, perCent } from "./words.js";

const NEIGHBOURS = 3;

export const title = "Map";

export function view() {
  const place = make("div", { class: "card map" });
  const near = make("div", { class: "card near", "aria-live": "polite" });
  const notes = make("p", { class: "muted", role: "status" });
  const empty = nothing();
  let worker = null;
  let mapped = "";
  let open = false;

  function draw() {
    const items = comparable()[0] ?? [];
    const asked = JSON.stringify(items.map((item) => [item.id, item.name]));
    if (!open || asked === mapped) return;
    mapped = asked;
    worker?.terminate();
    place.hidden = near.hidden = items.length < 3;
    empty.say(items.length < 3 ? lacking(items.length) : "");
    notes.hidden = items.length < 3;
    if (items.length < 3) return;
    worker = new Worker(new URL("pca_worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: { points, share } }) => {
      notes.textContent = `${many(items.length, "voiceprint")} of ${items[0].model}. This plane shows ${perCent(share)} of how they differ (principal components); the neighbours are found with all of it.`;
      tell(items, null);
      fill(
        place,
        scatter(
          items.map((item) => item.name),
          points,
          (number) => tell(items, number),
        ),
      );
    };
    worker.postMessage(items.map((item) => item.vector));
  }

  function tell(items, number) {
    if (number === null) {
      fill(
        near,
        make("h2", {}, "Neighbours"),
        make("p", { class: "muted" }, "Point at a voiceprint, touch it, or reach it with the Tab key."),
      );
      return [];
    }
    const found = neighbours(items, number);
    fill(
      near,
      make("h2", {}, items[number].name),
      make("p", { class: "muted" }, "Nearest by cosine, 1 being the same:"),
      make(
        "ol",
        {},
        found.map(([other, cosine]) =>
          make("li", {}, make("span", { class: "grow" }, items[other].name), make("b", {}, cosine.toFixed(2))),
        ),
      ),
    );
    return found.map(([other]) => other);
  }

  tray.addEventListener("change", draw);
  return {
    element: make("div", {}, notes, empty.element, make("div", { class: "columns" }, place, near)),
    shown() {
      open = true;
      draw();
    },
    hidden: () => (open = false),
  };
}

function lacking(count) {
  const have = ["there is none in the tray yet", "there is one in the tray", "there are two in the tray"][count];
  return `A map shows which voices sound alike. It needs three voiceprints of one model, and ${have}.`;
}

function neighbours(items, number) {
  const { vector } = items[number];
  const length = ({ vector: other }) => Math.sqrt(dot(other, other)) || 1;
  return items
    .map((other, place) => [place, dot(vector, other.vector) / (length(items[number]) * length(other))])
    .filter(([place]) => place !== number)
    .sort((one, other) => other[1] - one[1])
    .slice(0, NEIGHBOURS);
}
