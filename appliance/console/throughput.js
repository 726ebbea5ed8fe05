// What was done in the last hour, by the minute: drawn, and as a table.

import { ask } from "./api.js";
import { make, renew } from "./dom.js";
import { hourChart } from "./hour_chart.js";
import { watch } from "./watch.js";
import { many, seconds, timeOfDay, whole } from "./words.js";

const EVERY_MS = 10_000;
// How often an appliance that does not tell is asked again.
const WITHOUT_MS = 60_000;
const ROUND_TIMES = [1, 2, 5, 10, 20, 30, 60];

/** The card, which looks from `start()` to `stop()`. */
export function throughput() {
  const told = make("p", { class: "muted" }, "Looking …");
  const charts = [
    [hourChart("Tasks done", (count) => many(count, "task")), ({ tasks }) => tasks],
    [hourChart("Audio heard", seconds, ROUND_TIMES), ({ audio_seconds: heard }) => heard],
  ];
  const rows = make("tbody");

  async function look(signal) {
    const { minutes } = await ask("GET", "api/system/throughput", { signal });
    const starts = minutes.map(({ start }) => Date.parse(start));
    told.textContent = summary(minutes);
    for (const [chart, of] of charts) chart.show(starts, minutes.map(of));
    renew(rows, minutes.map((minute, place) => entry(minute, starts[place])).reverse());
    return EVERY_MS;
  }

  function failed(fault) {
    told.textContent = fault.status === 404 ? "This appliance is of a version that does not tell." : fault.message;
  }

  const element = make(
    "section",
    { class: "card", "aria-labelledby": "hour" },
    make("h2", { id: "hour" }, "The last hour"),
    told,
    make(
      "div",
      { class: "hour" },
      charts.map(([chart]) => chart.element),
    ),
    asTable(rows),
  );
  const { start, stop } = watch(look, failed, WITHOUT_MS);
  return { element, start, stop };
}

function summary(minutes) {
  const sum = (name) => minutes.reduce((all, minute) => all + minute[name], 0);
  const count = sum("tasks");
  if (!count) return "Nothing was done in the last hour.";
  return `${many(count, "task")} done, ${seconds(Math.round(sum("audio_seconds")))} of audio. The last minute is not over yet.`;
}

const entry = (minute, start) =>
  make(
    "tr",
    {},
    make("th", { scope: "row" }, timeOfDay(start)),
    make("td", {}, whole(minute.tasks)),
    make("td", {}, seconds(minute.audio_seconds)),
  );

function asTable(rows) {
  const columns = ["Minute", "Tasks", "Audio"].map((words) => make("th", { scope: "col" }, words));
  const table = make("table", { class: "plain" }, make("thead", {}, make("tr", {}, columns)), rows);
  const reach = { class: "sideways minutes", tabindex: 0, role: "region", "aria-label": "The last hour, by the minute" };
  return make("details", {}, make("summary", {}, "By the minute, as a table"), make("div", reach, table));
}
