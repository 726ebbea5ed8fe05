// What can be drawn of a recording, decoded by the browser where it knows the format.

// A low rate is enough for a drawing, and needs little memory; what is larger than this is not decoded at all.
const RATE = 8000;
const MOST_BYTES = 100e6;
const BARS = 1200;

/** {length, peaks} of a file: seconds, and for each channel the loudest sample of each of BARS stretches, 0 to 1. Null for
 * what this browser cannot decode. */
export async function drawable(file) {
  if (file.size > MOST_BYTES) return null;
  try {
    const decoded = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
    const channels = Array.from({ length: decoded.numberOfChannels }, (_, number) => decoded.getChannelData(number));
    return { length: decoded.duration, peaks: channels.map(loudest) };
  } catch {
    return null;
  }
}

function loudest(samples) {
  const peaks = new Float32Array(Math.max(1, Math.min(BARS, samples.length)));
  const stretch = samples.length / peaks.length;
  let most = 1e-4;
  for (let bar = 0; bar < peaks.length; bar += 1) {
    let peak = 0;
    const end = Math.floor((bar + 1) * stretch);
    for (let place = Math.floor(bar * stretch); place < end; place += 1)
      peak = Math.max(peak, Math.abs(samples[place]));
    peaks[bar] = peak;
    most = Math.max(most, peak);
  }
  return peaks.map((peak) => peak / most);
}

/** The mean of channels' peaks: what is drawn when they were mixed. */
export const mixed = (peaks) => [peaks[0].map((_, bar) => Math.max(...peaks.map((channel) => channel[bar] ?? 0)))];
