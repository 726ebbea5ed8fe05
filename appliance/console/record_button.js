// The button that records: press, speak, press.

import { announce } from "./announce.js";
import { button, fill, make } from "./dom.js";
import { listen } from "./microphone.js";
import { seconds } from "./words.js";

/** The button with its meter; `take(file)` gets what was spoken, `failed(words)` why nothing was. */
export function recordButton(take, failed) {
  const meter = make("meter", { min: 0, max: 1, value: 0, "aria-label": "Loudness" });
  const clock = make("span", { class: "clock" }, "0 s");
  const live = make("div", { class: "live", hidden: true }, meter, clock);
  const opener = button("Record", "primary", toggle);
  let stop = null;

  async function toggle() {
    opener.disabled = true;
    try {
      if (stop) await end();
      else await begin();
    } catch (error) {
      failed(error.message);
    }
    opener.disabled = false;
  }

  async function begin() {
    stop = await listen({
      onlevel(passed, loudness) {
        meter.value = Math.max(loudness, meter.value * 0.97);
        clock.textContent = seconds(Math.floor(passed));
      },
      onfull: toggle,
    });
    live.hidden = false;
    fill(opener, "Stop and send");
    announce("Recording. Speak for five seconds or more.");
  }

  async function end() {
    const file = await stop();
    stop = null;
    live.hidden = true;
    fill(opener, "Record");
    take(file);
  }
  return [opener, live];
}
