// The course of one recording: sent, waited for, heard, and at last erased.

import { Fault } from "./api.js";
import { drawable, mixed } from "./decoding.js";
import { newName } from "./kept.js";
import { lane } from "./lane.js";
import { EXTRACTION, GENDER, SPEECH, answerTo, ended, erase, sendRecording } from "./tasks.js";
import { collect } from "./tray.js";
import { bare } from "./words.js";

// More would only wait in the browser's own queue.
const sending = lane(2);

/** Tells "change" whenever more is known.
 *
 * `stage` is "queued", "uploading", "pending", "running", "done", "failed" or "erased"; `progress` the share that is sent;
 * `fault` why it failed; `drawing` what can be drawn, undefined until that is known, null where nothing can; `channels`
 * what the extraction found; `segments` and `genders` one for each channel, null until known; `untold` that the latter
 * could not be learnt; `notes` what is missing, in words. */
export class Recording extends EventTarget {
  stage = "queued";
  progress = 0;
  fault = null;
  drawing = undefined;
  channels = null;
  segments = null;
  genders = null;
  untold = false;
  notes = [];
  #tasks = [];
  #names = names();
  #stop = new AbortController();

  constructor(file, options) {
    super();
    Object.assign(this, { file, options, name: bare(file.name) });
  }

  /** Sees it through; what goes wrong is in `fault` then. */
  async run() {
    this.#stop = new AbortController();
    this.#tell({ stage: "queued", progress: 0, fault: null });
    this.#draw();
    try {
      const extraction = await sending(() =>
        this.#send(EXTRACTION, { include_vector_voiceprint: true, ...this.options }),
      );
      this.#tell({ stage: "pending" });
      const { channels } = await ended(extraction, {
        onstate: (state) => this.#heard(state),
        signal: this.#stop.signal,
      });
      for (const channel of channels) this.#collect(channel, channels.length);
      this.#tell({ stage: "done", channels });
      await Promise.all([this.#listen(), this.#tellGenders()]);
    } catch (fault) {
      if (fault.name === "AbortError") return;
      // What may have come all the same is sent again as the same task; what has failed has to be another.
      if (!fault.away) this.#names = names();
      this.#tell({ stage: "failed", fault });
    }
  }

  /** Takes back all that the appliance has of it. Throws Fault. */
  async erase() {
    this.#stop.abort();
    try {
      for (const task of this.#tasks) await erase(task);
    } catch (fault) {
      if (this.stage !== "done") this.#tell({ stage: "failed", fault });
      throw fault;
    }
    this.#tasks = [];
    this.#tell({ stage: "erased" });
  }

  get mixed() {
    return this.options.channel_mode === "mix";
  }

  async #send(technology, query) {
    this.#stop.signal.throwIfAborted();
    const told = technology === EXTRACTION;
    if (told) this.#tell({ stage: "uploading" });
    const task = await sendRecording(technology, this.file, {
      name: this.#names[technology],
      query,
      signal: this.#stop.signal,
      onprogress: (progress) => told && this.#tell({ progress }),
    });
    this.#tasks.push(task);
    return task;
  }

  async #draw() {
    if (this.drawing !== undefined) return;
    const drawing = await drawable(this.file);
    if (drawing && this.mixed) drawing.peaks = mixed(drawing.peaks);
    if (!drawing) this.notes.push("This browser cannot decode the file, so its waveform is not drawn.");
    this.#tell({ drawing });
  }

  async #listen() {
    try {
      const query = this.mixed ? { channel_mode: "mix" } : {};
      const task = await sending(() => this.#send(SPEECH, query));
      const { channels } = await ended(task, { signal: this.#stop.signal });
      this.#tell({ segments: channels.map((channel) => channel.segments) });
    } catch (fault) {
      this.#note("The stretches of speech are not drawn", fault);
    }
  }

  async #tellGenders() {
    try {
      const voiceprints = this.channels.map((channel) => channel.voiceprint);
      const { results } = await answerTo(GENDER, { voiceprints }, this.file.name, this.#stop.signal);
      this.#tell({ genders: results });
    } catch (fault) {
      this.untold = true;
      this.#note("Whether a man or a woman speaks is not told", fault);
    }
  }

  #collect(channel, count) {
    if (!channel.vector_voiceprint.length) return;
    const name = count > 1 ? `${this.name}, channel ${channel.channel_number + 1}` : this.name;
    try {
      collect({
        name,
        model: channel.model,
        voiceprint: channel.voiceprint,
        vector: channel.vector_voiceprint,
        seconds: channel.speech_length,
      });
    } catch (full) {
      this.notes.push(full.message);
    }
  }

  #heard(state) {
    if (["pending", "running"].includes(state)) this.#tell({ stage: state });
  }

  #note(words, fault) {
    if (fault.name === "AbortError") return;
    this.notes.push(`${words}: ${fault instanceof Fault ? fault.message : "something went wrong in this page."}`);
    this.#tell({});
  }

  #tell(properties) {
    Object.assign(this, properties);
    this.dispatchEvent(new Event("change"));
  }
}

const names = () => ({ [EXTRACTION]: newName(), [SPEECH]: newName() });
