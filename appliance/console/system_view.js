// How busy the appliance is, what works in it, and which models it serves.

import { ask } from "./api.js";
import { drawnOn } from "./canvas.js";
import { make, renew } from "./dom.js";
import { throughput } from "./throughput.js";
import { watch } from "./watch.js";
import { bytes, many, seconds, timeOfDay, whole } from "./words.js";

const EVERY_MS = 2000;
// What the curve of the queue holds: five minutes.
const SEEN = 150;

export const title = "System";

export function view() {
  const tiles = make(
    "div",
    { class: "tiles" },
    ["Appliance", "Workers", "Uploads", "A recording may have"].map((name) => tile(name, "…", "")),
  );
  const models = make("div", { class: "cards" });
  const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
  const curve = make("canvas", {
    class: "curve",
    role: "img",
    "aria-label": "Tasks that wait and run, while this page is open",
  });
  const queue = make("p", { class: "muted" }, "Looking …");
  const depths = [];
  let seen = null;
  const draw = drawnOn(curve, (context, width, height, colour) => paint(context, width, height, colour, depths));
  const hour = throughput();
  const looking = watch(look, failed, EVERY_MS);
  const rest = make(
    "div",
    {},
    tiles,
    make(
      "div",
      { class: "cards" },
      make("section", { class: "card", "aria-label": "Queue" }, make("h2", {}, "Queue"), queue, curve),
      hour.element,
    ),
    make("h2", {}, "Models"),
    models,
  );

  async function look(signal) {
    const [info, status, served] = await Promise.all(
      ["info", "status", "models"].map((name) => ask("GET", `api/system/${name}`, { signal })),
    );
    trouble.hidden = true;
    rest.hidden = false;
    show(info, status, served.models);
    return EVERY_MS;
  }

  function failed(fault) {
    if (trouble.textContent !== fault.message) trouble.textContent = fault.message;
    trouble.hidden = false;
    // Without its key there is nothing to see; otherwise what was seen last stands, but not that all is well.
    rest.hidden = [401, 403].includes(fault.status);
    const last = tile("Appliance", "Not known", `Seen last at ${timeOfDay(seen)}`, "poor");
    if (seen) tiles.firstElementChild.replaceWith(last);
  }

  function show({ version }, status, served) {
    seen = Date.now();
    const { tasks, workers, storage, limits } = status;
    depths.push([tasks.waiting, tasks.running]);
    depths.splice(0, depths.length - SEEN);
    draw();
    queue.textContent = `${many(tasks.waiting, "task")} waiting and ${whole(tasks.running)} running; the queue takes ${whole(tasks.limit)}.`;
    const ready = status.status === "ready";
    renew(tiles, [
      tile("Appliance", ready ? "Ready" : "Degraded", `Version ${version}`, ready ? "good" : "poor"),
      tile("Workers", whole(workers.length), workers.length ? "alive" : "Nobody works: what is sent waits."),
      tile(
        "Uploads",
        bytes(storage.input_bytes),
        `of ${bytes(storage.input_limit_bytes)}; ${bytes(storage.free_bytes)} free on the disk`,
      ),
      tile("A recording may have", bytes(limits.singleFileUploadSize), `and last ${seconds(limits.maxAudioLength)}`),
    ]);
    renew(models, served.map(modelCard));
  }
  return {
    element: make(
      "div",
      {},
      make(
        "p",
        { class: "lead" },
        "How it stands with the appliance now. What programs can ask of it is told by its ",
        make("a", { href: "docs" }, "REST interface"),
        ".",
      ),
      trouble,
      rest,
    ),
    shown() {
      looking.start();
      hour.start();
    },
    hidden() {
      looking.stop();
      hour.stop();
    },
  };
}

const tile = (name, figure, more, tone = "") =>
  make(
    "div",
    { class: "card tile" },
    make("h2", {}, name),
    make("p", { class: `figure ${tone}` }, figure),
    make("p", { class: "muted small" }, more),
  );

function modelCard(model) {
  const facts = [
    ["Vectors", `${model.dimension} numbers, compared by ${model.metric}`],
    ["Rate", `${whole(model.sample_rate)} Hz`],
    ["Speed", `${whole(model.times_real_time)} times real time`],
    ["Runs on", `${model.device}, ${many(model.workers, "worker")}`],
    ["Licence", model.licence],
    ["Scores", model.calibration ? `calibrated, fitted ${model.calibration.fitted}` : "not calibrated"],
  ];
  return make(
    "article",
    { class: "card" },
    make(
      "header",
      {},
      make("h3", { class: "grow" }, model.name),
      model.default && make("span", { class: "state done" }, "Default"),
    ),
    make("p", {}, model.summary),
    make(
      "dl",
      { class: "facts" },
      facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
    ),
  );
}

function paint(context, width, height, colour, depths) {
  context.clearRect(0, 0, width, height);
  const most = Math.max(4, ...depths.map(([waiting, running]) => waiting + running));
  const step = width / (SEEN - 1);
  const left = width - (depths.length - 1) * step;
  for (const [name, sum] of [
    ["speech-ground", ([waiting, running]) => waiting + running],
    ["speech", ([, running]) => running],
  ]) {
    context.beginPath();
    context.moveTo(left, height);
    depths.forEach((depth, place) => context.lineTo(left + place * step, height - (sum(depth) / most) * (height - 6)));
    context.lineTo(width, height);
    context.fillStyle = colour(name);
    context.fill();
  }
  context.fillStyle = colour("line");
  context.fillRect(0, height - 1, width, 1);
}
