// A vector as a strip of colours: blue above zero, orange below, the paler the nearer.

import { drawnOn } from "./canvas.js";
import { make } from "./dom.js";

/** The strip of `vector`, an array of numbers. */
export function strip(vector) {
  const canvas = make("canvas", {
    class: "strip",
    role: "img",
    "aria-label": `The voiceprint’s vector: ${vector.length} numbers`,
  });
  // The largest few would make all others pale.
  const sorted = vector.map(Math.abs).sort((one, other) => one - other);
  const full = sorted[Math.floor(sorted.length * 0.97)] || 1;
  drawnOn(canvas, (context, width, height, colour) => {
    const [above, below] = [colour("above"), colour("below")];
    context.clearRect(0, 0, width, height);
    vector.forEach((value, place) => {
      const from = Math.round((place / vector.length) * width);
      context.globalAlpha = Math.min(1, Math.abs(value) / full);
      context.fillStyle = value > 0 ? above : below;
      context.fillRect(from, 0, Math.round(((place + 1) / vector.length) * width) - from, height);
    });
    context.globalAlpha = 1;
  });
  return canvas;
}
