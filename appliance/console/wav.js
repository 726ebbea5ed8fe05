// WAV of 16 bits, one channel: what every appliance reads, whatever is installed beside it.

/** The file, a Blob, of `blocks` of samples from -1 to 1 at `rate` hertz. */
export function wav(blocks, rate) {
  const count = blocks.reduce((sum, block) => sum + block.length, 0);
  const header = new DataView(new ArrayBuffer(44));
  const put = (place, text) =>
    [...text].forEach((letter, offset) => header.setUint8(place + offset, letter.charCodeAt(0)));
  put(0, "RIFF");
  header.setUint32(4, 36 + 2 * count, true);
  put(8, "WAVEfmt ");
  header.setUint32(16, 16, true); // bytes of the format: PCM, one channel, rate, bytes a second, bytes a frame, bits
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, 2 * rate, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  put(36, "data");
  header.setUint32(40, 2 * count, true);
  const samples = new Int16Array(count);
  let place = 0;
  for (const block of blocks) for (const sample of block) samples[place++] = Math.max(-1, Math.min(1, sample)) * 32767;
  return new Blob([header, samples], { type: "audio/wav" });
}
