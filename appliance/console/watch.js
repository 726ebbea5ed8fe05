// Looking again and again, at what somebody sees and at nothing else.

import { Fault } from "./api.js";
import { lost } from "./connection.js";
import { whenKeyChanges } from "./key.js";

/** Has `look(signal)` done over and over, one at a time, from `start()` to `stop()`, except while the tab is hidden. It
 * answers with how many milliseconds may pass before the next; what it throws is told to `failed(fault)`. An appliance
 * that is away is waited for; after any other Fault it is looked again in `patience` milliseconds, but never with a key that
 * opens nothing: then the next one is waited for. */
export function watch(look, failed, patience = 5000) {
  let wanted = false;
  let stopped = new AbortController();
  stopped.abort();

  async function run() {
    stopped.abort();
    if (!wanted || document.hidden) return;
    const { signal } = (stopped = new AbortController());
    while (!signal.aborted) await pause(await once(signal), signal);
  }

  async function once(signal) {
    try {
      return await look(signal);
    } catch (fault) {
      if (signal.aborted) return 0;
      if (!(fault instanceof Fault)) throw fault;
      failed(fault);
      if (fault.away) return lost().then(() => 0);
      return [401, 403].includes(fault.status) ? Infinity : patience;
    }
  }

  document.addEventListener("visibilitychange", run);
  whenKeyChanges(run);
  return {
    start() {
      wanted = true;
      run();
    },
    stop() {
      wanted = false;
      stopped.abort();
    },
    again: run,
  };
}

// As long as a timer can be set for; Infinity would be no time at all.
const LONGEST_MS = 2 ** 31 - 1;

// Ends with the signal as well.
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(over, Math.min(milliseconds, LONGEST_MS));
    signal.addEventListener("abort", over);
    function over() {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    }
    if (signal.aborted) over();
  });
}
