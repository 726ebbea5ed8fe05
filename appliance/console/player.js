// Plays what was dropped, with a line that runs over its waveforms.

import { button, make } from "./dom.js";

let playing = null;

/** The button that plays `file`, and `line(stack, share)`, which puts the moving line over the drawings in `stack`. */
export function player(file, name) {
  const audio = new Audio();
  const lines = [];
  const opener = button("Play", "quiet", () => (audio.paused ? start() : audio.pause()), {
    "aria-label": `Play ${name}`,
  });
  function start() {
    audio.src ||= URL.createObjectURL(file);
    if (playing !== audio) playing?.pause();
    playing = audio;
    audio.play().catch(() => (opener.disabled = true));
  }
  function follow() {
    const share = audio.duration ? audio.currentTime / audio.duration : 0;
    for (const line of lines) line.style.left = `${share * 100}%`;
    if (!audio.paused) requestAnimationFrame(follow);
  }
  const said = (words) => {
    opener.textContent = words;
    opener.setAttribute("aria-label", `${words} ${name}`);
    for (const line of lines) line.hidden = words === "Play" && audio.ended;
    follow();
  };
  audio.addEventListener("play", () => said("Pause"));
  audio.addEventListener("pause", () => said("Play"));
  audio.addEventListener("ended", () => said("Play"));
  return {
    button: opener,
    over(stack) {
      const line = make("div", { class: "playhead", hidden: true, "aria-hidden": "true" });
      stack.append(line);
      lines.push(line);
    },
    close() {
      audio.pause();
      if (audio.src) URL.revokeObjectURL(audio.src);
    },
  };
}
