// The page: its views, which of them is shown, and what stands around them.

import * as compare from "./compare_view.js";
import { isAway, whenConnectionChanges } from "./connection.js";
import * as convert from "./convert_view.js";
import { fill, make } from "./dom.js";
import { keyButton } from "./key_dialog.js";
import * as map from "./map_view.js";
import * as system from "./system_view.js";
import * as tasks from "./tasks_view.js";
import * as voiceprints from "./voiceprints_view.js";

const VIEWS = { voiceprints, compare, map, convert, tasks, system };
const main = document.querySelector("main");
const navigation = document.querySelector("nav");
const made = new Map();

const links = Object.entries(VIEWS).map(([name, { title }]) => make("a", { href: `#/${name}` }, title));
fill(navigation, ...links);
document.querySelector("header .row").append(keyButton());

/** Each is made when it is first shown and kept, so that what runs in it goes on; `shown` and `hidden` tell it. */
function part(name) {
  if (!made.has(name)) {
    const { title, view } = VIEWS[name];
    const heading = make("h1", { tabindex: -1 }, title);
    const body = view();
    const section = make("section", { class: "view", id: `view-${name}`, hidden: true }, heading, body.element);
    main.append(section);
    made.set(name, { section, heading, shown: body.shown ?? (() => {}), hidden: body.hidden ?? (() => {}) });
  }
  return made.get(name);
}

function turn(moved) {
  const asked = location.hash.slice(2);
  const name = Object.hasOwn(VIEWS, asked) ? asked : "voiceprints";
  const wanted = part(name);
  for (const other of made.values()) {
    if (other !== wanted && !other.section.hidden) {
      other.section.hidden = true;
      other.hidden();
    }
  }
  wanted.section.hidden = false;
  wanted.shown();
  for (const link of links) {
    if (link.hash === `#/${name}`) current(link);
    else link.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[name].title} · Voiceprint appliance`;
  if (moved) {
    wanted.heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function current(link) {
  link.setAttribute("aria-current", "page");
  // On a narrow screen it may be beyond the edge.
  navigation.scrollLeft = link.offsetLeft - navigation.offsetLeft - (navigation.clientWidth - link.offsetWidth) / 2;
}

const banner = document.getElementById("away");
whenConnectionChanges(() => {
  banner.hidden = !isAway();
  banner.textContent = isAway()
    ? "The appliance does not answer. What was sent is kept by it; this page goes on as soon as it is back."
    : "";
});

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // Its hash would be taken for a view's name.
  main.focus();
});
addEventListener("hashchange", () => turn(true));
turn(false);
