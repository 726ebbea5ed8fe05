// What is known of one channel of a recording.

import { button, fill, make, unseen } from "./dom.js";
import { container, copy, fileName, save } from "./saving.js";
import { strip } from "./strip.js";
import { waveform } from "./waveform.js";
import { gender, quality, seconds } from "./words.js";

/** The panel of channel `number`; `title` is null where there is only one. It is told with `show(recording)`. */
export function channelPanel(number, title, name) {
  const wave = waveform(title ? `${name}, ${title}` : name);
  const stack = make("div", { class: "stack" }, wave.element);
  const length = make("span");
  const found = make("div", { class: "found" });
  const shape = make("div", { class: "vector" });
  const buttons = make("div", { class: "row" });
  const element = make(
    "div",
    { class: "channel" },
    title && make("h3", {}, title),
    stack,
    make("div", { class: "scale", "aria-hidden": "true" }, make("span", {}, "0 s"), length),
    found,
    shape,
    buttons,
  );
  let complete = false;

  function show({ drawing, channels, segments, genders, untold }) {
    const channel = channels?.[number];
    const lasts = drawing?.length ?? channel?.processed_audio_length ?? null;
    wave.show({ length: lasts, peaks: drawing?.peaks[number] ?? null, segments: segments?.[number] ?? null });
    length.textContent = lasts === null ? "" : seconds(lasts);
    if (!channel) return;
    fill(found, facts(channel, genders?.[number], genders !== null || untold));
    if (complete) return;
    complete = true;
    if (channel.vector_voiceprint.length) fill(shape, strip(channel.vector_voiceprint), legend(channel));
    else fill(shape, make("p", { class: "muted" }, "Without speech there is no vector."));
    fill(buttons, ...handing(channel, title ? `${name}, ${title}` : name));
  }
  return { element, stack, show };
}

function facts(channel, heard, asked) {
  const told = channel.quality;
  return [
    make(
      "p",
      { class: `verdict ${told.verdict}` },
      make("strong", {}, quality(told)),
      told.reasons.length > 0 && make("span", {}, `: ${told.reasons.join("; ")}.`),
    ),
    make(
      "dl",
      { class: "facts" },
      fact("Net speech", seconds(channel.speech_length)),
      fact("Voice", heard ? gender(heard) : asked ? "Not told" : "…"),
      told.snr_db !== null && fact("Above the noise", `${told.snr_db} dB`),
      told.band && fact("Band", told.band),
      fact("Model", channel.model),
    ),
  ];
}

const legend = ({ vector_voiceprint: vector }) =>
  make(
    "div",
    { class: "scale", "aria-hidden": "true" },
    make("span", {}, `voiceprint, ${vector.length} numbers`),
    make("span", {}, "blue above zero, orange below"),
  );

const fact = (name, value) => make("div", {}, make("dt", {}, name), make("dd", {}, value));

function handing(channel, name) {
  const whose = () => unseen(` of ${name}`);
  const copying = button("Copy voiceprint", "quiet", () => copy(channel.voiceprint, copying.firstElementChild));
  fill(copying, make("span", {}, "Copy voiceprint"), whose());
  const saving = button("Download", "quiet", () =>
    save(container(channel.voiceprint), fileName(name, "vp"), "application/octet-stream"),
  );
  saving.append(whose());
  const numbers = button("Vector", "quiet", () =>
    save(JSON.stringify(channel.vector_voiceprint), fileName(name, "json"), "application/json"),
  );
  numbers.append(whose());
  return [copying, saving, channel.vector_voiceprint.length > 0 && numbers].filter(Boolean);
}
