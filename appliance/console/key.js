// The API key: of this tab, for as long as it is open; sent as a header only, never part of an address.

const NAME = "voiceprint-key";
const asking = new EventTarget();
let given = kept((storage) => storage.getItem(NAME)) ?? "";
let waiting = null;

/** The key that was given, empty without one. */
export const key = () => given;

/** What a request carries. */
export const keyHeaders = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

/** Keeps `wanted`, or nothing when it is empty, and lets those go on who wait for it. */
export function keepKey(wanted) {
  given = wanted;
  kept((storage) => (wanted ? storage.setItem(NAME, wanted) : storage.removeItem(NAME)));
  waiting?.resolve(Boolean(wanted));
  waiting = null;
  asking.dispatchEvent(new Event("change"));
}

/** Waits until a key is given; false when whoever was asked has none. `refused` is the key that opened nothing. */
export function wantKey(refused) {
  // Another was given while this one was on its way.
  if (refused !== key()) return Promise.resolve(true);
  if (waiting === null) {
    waiting = promised();
    asking.dispatchEvent(new CustomEvent("wanted", { detail: { refused: Boolean(refused) } }));
  }
  return waiting.promise;
}

/** Nobody has a key to give: those who wait are told. */
export function noKey() {
  waiting?.resolve(false);
  waiting = null;
}

export const whenKeyWanted = (told) => asking.addEventListener("wanted", (event) => told(event.detail.refused));
export const whenKeyChanges = (told) => asking.addEventListener("change", told);

// A browser may refuse: then the key is kept by the page.
function kept(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

function promised() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}
