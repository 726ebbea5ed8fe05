// One channel of a recording as bars over time, with its speech in colour.

import { drawnOn } from "./canvas.js";
import { make } from "./dom.js";
import { many, seconds } from "./words.js";

const BAR = 2;
const GAP = 1;

/** A waveform that is told more and more: `show({length, peaks, segments})`, each null until it is known. */
export function waveform(name) {
  let shown = { length: null, peaks: null, segments: null };
  const canvas = make("canvas", { class: "waveform", role: "img", "aria-label": `${name}: not heard yet` });
  const draw = drawnOn(canvas, (context, width, height, colour) => paint(context, width, height, colour, shown));
  return {
    element: canvas,
    show(more) {
      shown = { ...shown, ...more };
      canvas.setAttribute("aria-label", described(name, shown));
      draw();
    },
  };
}

function described(name, { length, segments }) {
  const lasts = length === null ? "" : `, ${seconds(length)}`;
  if (segments === null) return `${name}: waveform${lasts}`;
  const spans = segments
    .slice(0, 12)
    .map((segment) => `${segment.start_time.toFixed(1)} to ${segment.end_time.toFixed(1)} s`);
  const rest = segments.length > spans.length ? ", and more" : "";
  return `${name}: waveform${lasts}, ${many(segments.length, "stretch of speech", "stretches of speech")}${spans.length ? `: ${spans.join(", ")}${rest}` : ""}`;
}

function paint(context, width, height, colour, { length, peaks, segments }) {
  context.clearRect(0, 0, width, height);
  const spans =
    length && segments
      ? segments.map(({ start_time: from, end_time: to }) => [(from / length) * width, (to / length) * width])
      : [];
  context.fillStyle = colour("speech-ground");
  for (const [from, to] of spans) {
    context.beginPath();
    context.roundRect(from, 0, Math.max(1, to - from), height, 4);
    context.fill();
  }
  const inSpeech = (x) => segments === null || spans.some(([from, to]) => x >= from && x <= to);
  const count = Math.floor(width / (BAR + GAP));
  for (let bar = 0; bar < count; bar += 1) {
    const x = bar * (BAR + GAP);
    const high = Math.max(BAR, (peaks ? loudest(peaks, bar, count) : 0) * (height - 8));
    context.fillStyle = colour(!peaks || !inSpeech(x) ? "silence" : "speech");
    context.beginPath();
    context.roundRect(x, (height - high) / 2, BAR, high, BAR / 2);
    context.fill();
  }
}

function loudest(peaks, bar, count) {
  const from = Math.floor((bar / count) * peaks.length);
  const to = Math.max(from + 1, Math.floor(((bar + 1) / count) * peaks.length));
  let most = 0;
  for (let place = from; place < to; place += 1) most = Math.max(most, peaks[place]);
  return most;
}
