// To the clipboard, and to a file.

import { announce } from "./announce.js";

/** Copies, and says so on the button for a moment. */
export async function copy(words, opener) {
  await copied(words);
  const before = opener.dataset.words ?? (opener.dataset.words = opener.textContent);
  opener.textContent = "Copied";
  announce("Copied.");
  setTimeout(() => (opener.textContent = before), 1600);
}

async function copied(words) {
  if (navigator.clipboard) return navigator.clipboard.writeText(words);
  // A page that came in the clear has no clipboard.
  const field = document.createElement("textarea");
  field.value = words;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** Has the browser save `content` as a file. */
export function save(content, name, type = "text/plain") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A voiceprint's container from its Base64, which comes without padding. */
export const container = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** A name that any file system takes. */
export const fileName = (name, ending) => `${name.replace(/[^\p{L}\p{N}._ -]+/gu, "_").slice(0, 100)}.${ending}`;
