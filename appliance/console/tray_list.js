// The tray as a list: each voiceprint can be renamed and taken out.

import { announce } from "./announce.js";
import { arrange, button, make, unseen } from "./dom.js";
import { tray } from "./tray.js";
import { many, seconds } from "./words.js";

/** The list, kept up to date. */
export function trayList() {
  const count = make("p", { class: "muted" });
  const list = make("ul", { class: "tray" });
  const empty = button("Empty the tray", "quiet danger", () => {
    tray.remove(...tray.items.map((item) => item.id));
    announce("The tray is empty.");
  });
  const element = make(
    "section",
    { class: "card", "aria-label": "Tray" },
    make("header", {}, make("h2", { class: "grow", tabindex: -1 }, "Tray"), empty),
    count,
    list,
    make("p", { class: "muted small" }, "The tray is kept in this browser only, until you empty it."),
  );

  function show() {
    const { items } = tray;
    count.textContent = items.length
      ? many(items.length, "voiceprint")
      : "Nothing yet: every voiceprint that is made comes here.";
    empty.hidden = items.length === 0;
    // Those that are there stay as they are: somebody may be writing in one.
    const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
    arrange(
      list,
      items.map((item, number) => numbered(rows.get(item.id) ?? entry(item), number)),
    );
  }

  function entry(item) {
    const name = make("input", {
      value: item.name,
      "aria-label": `Name of voiceprint ${item.name}`,
      maxlength: 80,
      onchange: () => name.value.trim() && tray.change(item.id, { name: name.value.trim() }),
    });
    const told = [item.seconds === null ? null : `${seconds(item.seconds)} of speech`, item.model]
      .filter(Boolean)
      .join(" · ");
    const remove = button("Remove", "quiet", () => {
      element.querySelector("h2").focus();
      tray.remove(item.id);
      announce(`${item.name} is out of the tray.`);
    });
    remove.append(unseen(` ${item.name}`));
    return make(
      "li",
      { "data-id": item.id },
      make("span", { class: "number" }),
      name,
      make("p", { class: "muted small" }, told),
      remove,
    );
  }

  function numbered(row, number) {
    row.querySelector(".number").textContent = String(number + 1);
    return row;
  }
  tray.addEventListener("change", show);
  show();
  return element;
}
