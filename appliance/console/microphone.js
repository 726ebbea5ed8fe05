// Records from the microphone, untouched: what browsers do for calls would change the voice.

import { wav } from "./wav.js";

const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
const MOST_SECONDS = 600;

/** Starts; `onlevel` is told seconds and loudness (0 to 1), `onfull` that it has ended by itself after ten minutes. Answers
 * with what stops and hands out the File. Throws Error in words. */
export async function listen({ onlevel, onfull }) {
  if (!navigator.mediaDevices || !window.AudioWorkletNode) {
    throw new Error("Browsers give the microphone only to pages that come over https, or from this very machine.");
  }
  const stream = await heard();
  const context = new AudioContext();
  await context.audioWorklet.addModule(new URL("microphone_worklet.js", import.meta.url));
  const blocks = [];
  let count = 0;
  const hand = new AudioWorkletNode(context, "hand");
  hand.port.onmessage = ({ data }) => {
    blocks.push(data);
    count += data.length;
    onlevel(
      count / context.sampleRate,
      data.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
    );
    if (count > MOST_SECONDS * context.sampleRate) {
      hand.port.onmessage = null;
      onfull();
    }
  };
  context.createMediaStreamSource(stream).connect(hand);
  await context.resume();
  return async function stop() {
    hand.port.onmessage = null;
    for (const track of stream.getTracks()) track.stop();
    const rate = context.sampleRate;
    await context.close();
    return new File([wav(blocks, rate)], `Recording ${stamp()}.wav`, { type: "audio/wav" });
  };
}

async function heard() {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: UNTOUCHED });
  } catch (error) {
    if (error.name === "NotFoundError") throw new Error("This machine has no microphone, or the browser sees none.");
    if (error.name === "NotAllowedError")
      throw new Error(
        "The browser was told not to let this page listen: allow the microphone beside the address, and try again.",
      );
    throw new Error("The microphone cannot be used: another program may have it.");
  }
}

function stamp() {
  const now = new Date();
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, "0")).join(".");
}
