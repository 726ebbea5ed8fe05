// Tasks of the appliance: sent, waited for, erased. Those of this browser are remembered, so that they can be found again.

import { Fault, ask, faultOf, glance, sentence, upload } from "./api.js";
import { isAway, lost } from "./connection.js";
import { Kept, newName } from "./kept.js";
import { lane } from "./lane.js";

export const EXTRACTION = "speaker-identification-voiceprint-extraction";
export const CONVERSION = "speaker-identification-voiceprint-conversion";
export const COMPARISON = "speaker-identification-voiceprint-comparison";
export const GENDER = "gender-identification-voiceprints";
export const SPEECH = "voice-activity-detection";

// A browser has six connections to one server: those who wait must leave room for those who send, and take turns.
const waiting = lane(3);
const WAIT_SECONDS = 10;
const TURN_SECONDS = 1;
const BREATH_MS = 1000;
// So many come in one answer.
const LONGEST_PAGE = 1000;

/** Items are {id, technology, about, sent}: the task's id, what it is about in words, and when, in milliseconds. */
export const ownTasks = new Kept("voiceprint-tasks", 500);

const path = (technology, id) => `api/technology/${technology}/${id}`;

/** Sends a recording and answers with the task, {id, technology}; sent again under the same `name` it is the same task.
 * Throws Fault. */
export async function sendRecording(technology, file, { name, query = {}, onprogress, signal }) {
  const asked = new URLSearchParams(query);
  const headers = { "Idempotency-Key": name };
  const body = await upload(`api/technology/${technology}?${asked}`, file, { headers, onprogress, signal });
  return remembered(technology, body, file.name);
}

/** Sends a document and answers with the task. Throws Fault. */
async function sendDocument(technology, json, about, signal) {
  const headers = { "Idempotency-Key": newName() };
  return remembered(technology, await ask("POST", `api/technology/${technology}`, { json, headers, signal }), about);
}

function remembered(technology, body, about) {
  const id = body.task.task_id;
  if (!ownTasks.items.some((item) => item.id === id)) ownTasks.add({ id, technology, about, sent: Date.now() });
  return { id, technology };
}

/** Waits for the task's end and answers with its result; `onstate` is told its state whenever that is heard. An appliance
 * that is away is waited for. Throws Fault for a task that did not succeed. */
export async function ended({ technology, id }, { onstate = () => {}, signal } = {}) {
  for (let wait = TURN_SECONDS; ; wait = waiting.crowded ? TURN_SECONDS : WAIT_SECONDS) {
    try {
      const look = () => ask("GET", `${path(technology, id)}?wait=${wait}`, { signal });
      const { task, result, error } = await waiting(look);
      onstate(task.state);
      if (task.state === "done") return result;
      if (error || !["pending", "running"].includes(task.state))
        throw faultOf(error, { again: task.state === "failed" });
    } catch (fault) {
      if (!(fault instanceof Fault) || !(fault.away || fault.status === 503)) throw fault;
      await (isAway() ? lost() : new Promise((resolve) => setTimeout(resolve, BREATH_MS)));
    }
  }
}

/** Sends a document, waits, erases the task when its result is here, and answers with that. Throws Fault. */
export async function answerTo(technology, json, about, signal) {
  const task = await sendDocument(technology, json, about, signal);
  try {
    return await ended(task, { signal });
  } finally {
    erase(task).catch(() => {}); // It goes by itself in time; and the list of tasks shows it until then.
  }
}

/** The caller's own tasks as the appliance knows them, the newest first, `limit` at most: `tasks` as items of {id, technology,
 * state, why, sent, ended}, times in milliseconds, and `more`, whether there are others. Throws Fault. */
export async function listed(limit, signal) {
  const found = [];
  let next = "";
  do {
    const asked = new URLSearchParams({ limit: Math.min(LONGEST_PAGE, limit - found.length), ...(next && { after: next }) });
    const page = await ask("GET", `api/tasks?${asked}`, { signal });
    found.push(...page.tasks);
    next = page.next;
  } while (next !== null && found.length < limit);
  return { more: next !== null, tasks: found.map(item) };
}

const item = ({ task_id: id, technology, state, created, ended, message }) => ({
  id,
  technology,
  state,
  why: message ? sentence(message) : "",
  sent: Date.parse(created),
  ended: ended && Date.parse(ended),
});

/** How it stands with a task: its state, "gone", or "unknown" when it cannot be learnt. */
export async function state({ technology, id }) {
  try {
    return (await glance(path(technology, id), /"state":"(\w+)"/))?.[1] ?? "unknown";
  } catch (fault) {
    return fault.status === 404 ? "gone" : "unknown";
  }
}

/** Takes the task back with all that it left; one that has gone already is as good. Throws Fault. */
export async function erase({ technology, id }) {
  try {
    await ask("DELETE", path(technology, id));
  } catch (fault) {
    if (fault.status !== 404) throw fault;
  }
  ownTasks.remove(id);
}
