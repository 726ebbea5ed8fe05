// Elements, made without markup: text is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "circle", "line", "path", "g", "text", "title", "rect"]);

/** An element with attributes, listeners (`onclick: …`) and children; what is null or false is left out. */
export function make(tag, attributes = {}, ...children) {
  const element = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts `children` in the place of all that `element` holds. */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Has `element` hold `children` and nothing else, and moves none that is in its place: what has focus keeps it. */
export function arrange(element, children) {
  const wanted = new Set(children);
  for (const child of [...element.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, place) => {
    if (element.children[place] !== child) element.insertBefore(child, element.children[place] ?? null);
  });
}

/** Like `fill`, but what would look the same stays, and with it what is selected there. */
export function renew(element, children) {
  children.forEach((child, place) => {
    const there = element.children[place];
    if (!there) element.append(child);
    else if (!there.isEqualNode(child)) there.replaceWith(child);
  });
  while (element.children.length > children.length) element.lastElementChild.remove();
}

/** A plain button; `kind` is "primary", "quiet" or "danger". */
export function button(words, kind, onclick, attributes = {}) {
  return make("button", { type: "button", class: kind, onclick, ...attributes }, words);
}

/** Words that are heard and not seen. */
export const unseen = (words) => make("span", { class: "unseen" }, words);

/** A number of its own for ids that labels refer to. */
export const newId = (() => {
  let last = 0;
  return (prefix) => `${prefix}-${(last += 1)}`;
})();
