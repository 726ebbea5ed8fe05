// Where there is nothing to see yet: what is missing, and the way to it.

import { make } from "./dom.js";

/** The card, told with `say(words)`; without words it is not there. */
export function nothing() {
  const words = make("p");
  const way = make("a", { href: "#/voiceprints", class: "button primary" }, "Give recordings");
  const element = make("div", { class: "card nothing", role: "status", hidden: true }, words, way);
  return {
    element,
    say(said) {
      words.textContent = said;
      element.hidden = !said;
    },
  };
}
