// Voiceprints as people have them: Base64 in lines or in JSON, or the container's own file.

const MAGIC = "ZOVP";

/** The Base64 texts in what was pasted. Throws Error in words. */
export function pasted(text) {
  const trimmed = text.trim();
  if (!/^[[{"]/.test(trimmed)) return trimmed.split(/[\s,;]+/).filter(Boolean);
  let read;
  try {
    read = JSON.parse(trimmed);
  } catch {
    throw new Error("This begins like JSON and is none: give a list of texts, or one voiceprint in each line.");
  }
  const found = [];
  gather(read, found);
  return found;
}

// Also out of an extraction's whole result, where they stand under `voiceprint`.
function gather(value, found) {
  if (typeof value === "string") found.push(value);
  else if (Array.isArray(value))
    value.filter((item) => typeof item !== "number").forEach((item) => gather(item, found));
  else if (value && typeof value === "object") {
    for (const name of ["voiceprint", "voiceprints", "channels", "result"])
      if (name in value) gather(value[name], found);
  }
}

/** The same of a file that was dropped. */
export async function inFile(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.startsWith(MAGIC)) return pasted(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // Not text: a voiceprint's own bytes.
  }
  return [base64(bytes)];
}

function base64(bytes) {
  let text = "";
  for (let first = 0; first < bytes.length; first += 8192)
    text += String.fromCharCode(...bytes.subarray(first, first + 8192));
  return btoa(text);
}

/** The model that a container names, null for other formats: its packed map begins with it. */
export function modelOf(voiceprint) {
  let bytes;
  try {
    bytes = atob(voiceprint.replace(/-/g, "+").replace(/_/g, "/"));
  } catch {
    return null;
  }
  const place = bytes.startsWith(MAGIC) ? bytes.indexOf("\xa5model") + 6 : 5;
  const length = bytes.charCodeAt(place) - 0xa0;
  return place > 5 && length > 0 && length < 32 ? bytes.slice(place + 1, place + 1 + length) : null;
}
