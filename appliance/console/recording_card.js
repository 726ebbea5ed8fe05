// One recording as a card: its course while it runs, then what was found.

import { announce } from "./announce.js";
import { channelPanel } from "./channel_panel.js";
import { button, fill, make, newId, unseen } from "./dom.js";
import { player } from "./player.js";
import { bytes, perCent, quality, seconds } from "./words.js";

const COURSE = {
  queued: "Waits to be sent",
  pending: "Waits for a worker",
  running: "Is being listened to",
  done: "Done",
  failed: "Not done",
  erased: "Erased",
};

/** The card of `recording`; `remove` is called when it is to go. */
export function recordingCard(recording, remove) {
  const { file, name } = recording;
  const title = newId("recording");
  const state = make("span", { class: "state" });
  const bar = make("progress", { max: 1, value: 0, "aria-label": `Upload of ${name}` });
  const course = make("div", { class: "course" }, bar);
  const trouble = make("div", { class: "trouble", hidden: true });
  const panels = make("div", { class: "channels" });
  const notes = make("ul", { class: "notes", hidden: true });
  const playing = player(file, name);
  playing.button.disabled = true;
  const erasing = button("Erase", "quiet danger", erase);
  erasing.append(unseen(` ${name}`));
  const element = make(
    "article",
    { class: "card recording", "aria-labelledby": title },
    make(
      "header",
      {},
      make(
        "div",
        { class: "grow" },
        make("h2", { id: title }, name),
        make("p", { class: "muted" }, `${file.name} · ${bytes(file.size)}`),
      ),
      state,
      make("div", { class: "row" }, playing.button, erasing),
    ),
    course,
    trouble,
    panels,
    notes,
  );
  let drawn = [];
  let stage = "";
  lay(1);

  function lay(count) {
    drawn = Array.from({ length: count }, (_, number) =>
      channelPanel(number, count > 1 ? `Channel ${number + 1}` : null, name),
    );
    fill(panels, ...drawn.map((panel) => panel.element));
    for (const panel of drawn) playing.over(panel.stack);
  }

  function show() {
    const { drawing, channels, progress, fault } = recording;
    const count = channels?.length ?? (recording.mixed ? 1 : drawing?.peaks.length) ?? 1;
    if (count !== drawn.length) lay(count);
    const sending = recording.stage === "uploading";
    state.textContent = sending ? `Sending, ${perCent(Math.floor(progress * 100) / 100)}` : COURSE[recording.stage];
    state.className = `state ${recording.stage}`;
    bar.toggleAttribute("data-idle", ["done", "failed", "erased"].includes(recording.stage));
    if (sending) bar.value = progress;
    else if (["pending", "running"].includes(recording.stage)) bar.removeAttribute("value");
    playing.button.disabled = !drawing;
    for (const panel of drawn) panel.show(recording);
    notes.hidden = recording.notes.length === 0 || recording.stage === "failed";
    fill(notes, ...recording.notes.map((note) => make("li", {}, note)));
    if (recording.stage !== stage) turn(fault);
    stage = recording.stage;
  }

  function turn(fault) {
    playing.button.hidden = recording.stage === "failed" && !recording.drawing;
    panels.hidden = course.hidden = recording.stage === "failed";
    trouble.hidden = !fault;
    if (fault) {
      const again = button("Try again", "primary", () => {
        element.focus();
        recording.run();
      });
      const words = make("p", {}, make("strong", {}, "This did not work. "), fault.message);
      fill(trouble, words, fault.again !== false && make("div", { class: "row" }, again));
      announce(`${name}: ${fault.message}`);
    } else if (recording.stage === "done") announce(`${name} is done: ${recording.channels.map(heard).join("; ")}.`);
  }

  async function erase() {
    erasing.disabled = true;
    try {
      await recording.erase();
      playing.close();
      remove();
      announce(`${name} is erased from the appliance.`);
    } catch (fault) {
      erasing.disabled = false;
      trouble.hidden = false;
      fill(trouble, make("p", {}, make("strong", {}, "It is not erased. "), fault.message));
      announce(`${name} is not erased: ${fault.message}`);
    }
  }

  element.tabIndex = -1;
  recording.addEventListener("change", show);
  show();
  return element;
}

const heard = (channel) => `${quality(channel.quality).toLowerCase()}, ${seconds(channel.speech_length)} of speech`;
