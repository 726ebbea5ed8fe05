// Requests to the appliance, and what is wrong with them in words.

import { answers, lost } from "./connection.js";
import { key, keyHeaders, wantKey } from "./key.js";

// What the same request meets again.
const FOR_GOOD = new Set([400, 404, 413, 415, 422, 501]);

/** Why something was not done. `away` says that nobody answered, `status` is that of HTTP, 0 without an answer; `again`
 * whether the same may succeed later. */
export class Fault extends Error {
  constructor(words, { status = 0, away = false, again = !FOR_GOOD.has(status), detail = [] } = {}) {
    super(words);
    Object.assign(this, { status, away, again, detail });
  }
}

/** An error body of the appliance as a Fault; `more` is what else is known of it. */
export function faultOf(body, more) {
  return new Fault(sentence(body?.message ?? "the appliance said no and nothing more"), {
    detail: body?.detail ?? [],
    ...more,
  });
}

const away = () => new Fault("The appliance does not answer. Is it running, and is the network there?", { away: true });
const keyless = () => new Fault("This needs an API key.", { status: 401 });
const address = (path) => new URL(path, document.baseURI);

/** What the appliance says, as a sentence. */
export function sentence(message) {
  const first = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

/** Asks, and answers with the body, null without one. Throws Fault. With `quiet` nobody is asked for a key. */
export async function ask(method, path, { json, headers = {}, signal, quiet = false } = {}) {
  for (;;) {
    const sent = key();
    const response = await answered(method, path, { json, headers, signal });
    if (response.status === 401 && !quiet && (await wantKey(sent))) continue;
    return opened(response, response.status === 204 ? "" : await text(response));
  }
}

/** The first that is answered to a GET which `found`, a regular expression, matches: a result may be long. Nobody is asked
 * for a key. Throws Fault. */
export async function glance(path, found) {
  const response = await answered("GET", path, {});
  if (!response.ok) return opened(response, await text(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let read = "";
  for (let piece = await reader.read(); !piece.done && !found.test(read); piece = await reader.read())
    read += piece.value;
  reader.cancel().catch(() => {});
  return found.exec(read);
}

async function answered(method, path, { json, headers = {}, signal }) {
  const body = json === undefined ? undefined : JSON.stringify(json);
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  try {
    return await fetch(address(path), {
      method,
      body,
      signal,
      headers: { ...type, ...headers, ...keyHeaders() },
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost();
    throw away();
  }
}

async function text(response) {
  try {
    return await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost();
    throw away();
  }
}

function opened({ status }, body) {
  let read = null;
  try {
    read = body ? JSON.parse(body) : null;
  } catch {
    throw new Fault("What answered is not the appliance.", { status });
  }
  if (status === 401) throw keyless();
  if (status >= 400) throw faultOf(read, { status });
  return read;
}

/** Sends a recording; `onprogress` is told the share that has left, 0 to 1. Throws Fault. */
export async function upload(path, file, { headers = {}, onprogress = () => {}, signal } = {}) {
  for (;;) {
    const sent = key();
    const { status, body } = await transfer(path, file, {
      headers: { ...headers, ...keyHeaders() },
      onprogress,
      signal,
    });
    if (status === 401 && (await wantKey(sent))) continue;
    return opened({ status }, body);
  }
}

// The one kind of request that tells how far an upload is.
function transfer(path, file, { headers, onprogress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, "recording");
    request.open("POST", address(path));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onprogress(event.total ? event.loaded / event.total : 0));
    request.addEventListener("load", () => resolve({ status: request.status, body: request.responseText }));
    request.addEventListener("error", async () => reject(await cutOff()));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

async function cutOff() {
  if (await answers())
    return new Fault(
      "The upload was cut off: the file has changed or cannot be read, or it is larger than the appliance takes.",
    );
  lost();
  return away();
}
