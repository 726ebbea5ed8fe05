// Whether the appliance answers at all: seen by every request, and asked again and again while it does not.

const AGAIN_MS = 1500;
const changes = new EventTarget();
let back = null;

export const isAway = () => back !== null;
export const whenConnectionChanges = (told) => changes.addEventListener("change", told);

/** A request got no answer: looks until one does. The promise is kept when the appliance is back. */
export function lost() {
  if (back === null) {
    back = returned().then(() => {
      back = null;
      changes.dispatchEvent(new Event("change"));
    });
    changes.dispatchEvent(new Event("change"));
  }
  return back;
}

async function returned() {
  for (;;) {
    if (await answers()) return;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** Whether the appliance is there now. */
export async function answers() {
  try {
    return (await fetch(new URL("health", document.baseURI), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
