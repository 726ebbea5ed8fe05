// What a score says, large: the verdict in words, where it lies between the two, and what the figure means.

import { fill, make } from "./dom.js";
import { signed, verdict } from "./words.js";

// The scale ends here; scores beyond stand at its end.
const END = 12;

/** The panel, told with `show(one, other, llr)`; before that it keeps its room. */
export function verdictPanel() {
  const pair = make("p", { class: "pair" });
  const words = make("p", { class: "words" });
  const why = make("p", { class: "muted" });
  const mark = make("div", { class: "mark", hidden: true });
  const element = make(
    "section",
    { class: "card verdict-panel", "aria-label": "Verdict", "aria-live": "polite" },
    pair,
    words,
    make("div", { class: "gauge", "aria-hidden": "true" }, make("div", { class: "ramp" }), mark),
    make(
      "div",
      { class: "scale", "aria-hidden": "true" },
      make("span", {}, "different"),
      make("span", {}, "undecided"),
      make("span", {}, "same"),
    ),
    why,
  );
  return {
    element,
    show(one, other, llr) {
      const said = verdict(llr);
      fill(pair, make("b", {}, one), " and ", make("b", {}, other));
      words.textContent = said.words;
      why.textContent = `Score ${signed(llr)}. ${said.why}`;
      mark.hidden = false;
      mark.style.left = `${50 + (Math.max(-END, Math.min(END, llr)) / END) * 50}%`;
    },
  };
}
