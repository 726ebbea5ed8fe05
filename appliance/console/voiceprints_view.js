// The first view: recordings in, voiceprints out.

import { announce } from "./announce.js";
import { fill, make } from "./dom.js";
import { options } from "./options.js";
import { recordButton } from "./record_button.js";
import { Recording } from "./recording.js";
import { recordingCard } from "./recording_card.js";
import { comparable, tray } from "./tray.js";
import { many } from "./words.js";

const KINDS = "audio/*,.wav,.flac,.ogg,.opus,.mp3,.m4a,.mp4,.amr,.3gp,.webm";

const STEPS = [
  ["Give a recording", "Drop a file, or press Record and speak for five seconds or more."],
  ["Give another", "Of the same person, or of somebody else. Every voiceprint is kept in your tray."],
  ["Read the verdict", "Compare says in words whether one person speaks, and how sure that is."],
];

// With so many voiceprints in the tray.
const HINTS = [
  "Recordings go to this appliance and nowhere else. Their voiceprints come into your tray.",
  "One voiceprint is in the tray. Add another recording, and see whether the same person speaks.",
];

export const title = "Voiceprints";

export function view() {
  const choice = options();
  const cards = make("div", { class: "cards" });
  const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
  const next = make("p", { class: "next" });
  const steps = make(
    "ol",
    { class: "steps" },
    STEPS.map(([name, words], number) =>
      make(
        "li",
        { class: "card" },
        make("span", { class: "number", "aria-hidden": "true" }, String(number + 1)),
        make("h2", {}, name),
        make("p", { class: "muted" }, words),
      ),
    ),
  );
  const chooser = make("input", {
    id: "files",
    type: "file",
    multiple: true,
    accept: KINDS,
    class: "unseen",
    onchange: () => {
      take(...chooser.files);
      chooser.value = "";
    },
  });
  const [record, live] = recordButton(take, fail);
  const zone = make(
    "section",
    { class: "drop", "aria-label": "New recordings" },
    make("p", { class: "call" }, "Drop recordings here"),
    make("p", { class: "muted" }, "WAV, FLAC, Ogg, Opus, MP3 … a few seconds of one person speaking are enough"),
    make(
      "div",
      { class: "row middle" },
      chooser,
      make("label", { for: "files", class: "button" }, "Choose files"),
      record,
    ),
    live,
    choice.element,
  );

  function take(...files) {
    trouble.hidden = true;
    for (const file of files) {
      const recording = new Recording(file, choice.chosen());
      const card = recordingCard(recording, () => {
        card.remove();
        zone.querySelector("button").focus();
      });
      steps.hidden = true;
      cards.prepend(card);
      recording.run();
    }
    if (files.length) announce(`${many(files.length, "recording")} on the way.`);
  }

  function fail(words) {
    trouble.textContent = words;
    trouble.hidden = false;
  }

  function guide() {
    const most = comparable()[0]?.length ?? 0;
    fill(
      next,
      make("span", {}, most > 1 ? `${many(most, "voiceprint")} in the tray.` : HINTS[most]),
      most > 1 && make("a", { href: "#/compare", class: "button primary" }, "Is it the same speaker?"),
    );
  }

  dropping(zone, take);
  tray.addEventListener("change", guide);
  guide();
  return { element: make("div", {}, intro(), zone, trouble, next, steps, cards) };
}

const intro = () =>
  make(
    "p",
    { class: "lead" },
    "A voiceprint is a voice as a few hundred numbers. Give two recordings, and see whether the same person speaks.",
  );

// Anywhere on the page: who misses the field shall not have the browser open the file instead.
function dropping(zone, take) {
  const over = (is) => zone.classList.toggle("over", is);
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files") || !zone.isConnected || !zone.offsetParent) return;
    event.preventDefault();
    over(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && over(false));
  addEventListener("drop", (event) => {
    if (!zone.offsetParent) return;
    event.preventDefault();
    over(false);
    take(...event.dataTransfer.files);
  });
}
