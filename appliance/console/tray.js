// The tray: voiceprints that are kept in this browser, to be compared and mapped.

import { Kept, newName } from "./kept.js";

/** Items are {id, name, model, voiceprint, vector, seconds}; `seconds` of net speech, null where it is not known. */
export const tray = new Kept("voiceprint-tray");

/** Puts a voiceprint into the tray, once; answers with its id. Throws when the browser keeps no more. */
export function collect({ name, model, voiceprint, vector, seconds = null }) {
  const there = tray.items.find((item) => item.voiceprint === voiceprint);
  if (there) return there.id;
  const id = newName();
  tray.add({ id, name: unused(name), model, voiceprint, vector, seconds });
  return id;
}

/** Those of one model that has the most, and have speech: only voiceprints of one model can be compared. */
export function comparable(items = tray.items) {
  const heard = items.filter((item) => item.vector.length > 0);
  const groups = new Map();
  for (const item of heard) groups.set(item.model, [...(groups.get(item.model) ?? []), item]);
  return [...groups.values()].sort((one, other) => other.length - one.length);
}

function unused(name) {
  const taken = new Set(tray.items.map((item) => item.name));
  for (let number = 1; ; number += 1) {
    const tried = number === 1 ? name : `${name} (${number})`;
    if (!taken.has(tried)) return tried;
  }
}
