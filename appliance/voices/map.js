// The map of a folder: what was computed beforehand, drawn as the console draws its own.

import { fill, make } from "./dom.js";
import { scatter } from "./scatter.js";

const { names, points, near, groups, colours } = JSON.parse(document.getElementById("voices").textContent);
const [map, side, legend] = ["map", "near", "groups"].map((id) => document.getElementById(id));

function tell(number) {
  if (number === null) {
    fill(
      side,
      make("h2", {}, "Neighbours"),
      make("p", { class: "muted" }, "Point at a voice, or reach it with the Tab key."),
    );
    return [];
  }
  fill(
    side,
    make("h2", {}, names[number]),
    make("p", { class: "muted" }, "Nearest by cosine, 1 being the same:"),
    make(
      "ol",
      {},
      near[number].map(([other, cosine]) =>
        make("li", {}, make("span", { class: "grow" }, names[other]), make("b", {}, cosine.toFixed(2))),
      ),
    ),
  );
  return near[number].map(([other]) => other);
}

const drawn = scatter(names, points, tell);
const own = new Map(colours);
drawn.querySelectorAll(".dot").forEach((dot, number) => {
  if (own.has(groups[number])) dot.style.setProperty("--own", own.get(groups[number]));
});
fill(map, drawn);
fill(
  legend,
  colours.map(([group, colour]) => make("span", { style: `--own: ${colour}` }, group)),
);
tell(null);
