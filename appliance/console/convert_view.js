// Stored voiceprints to their vectors.

import { announce } from "./announce.js";
import { button, fill, make } from "./dom.js";
import { inFile, modelOf, pasted } from "./pasted.js";
import { copy, save } from "./saving.js";
import { strip } from "./strip.js";
import { CONVERSION, answerTo } from "./tasks.js";
import { collect } from "./tray.js";
import { many } from "./words.js";

// So many are drawn; the files hold all.
const DRAWN = 20;

export const title = "Convert";

export function view() {
  const field = make("textarea", {
    id: "pasted",
    rows: 6,
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "Wk9WUAEA…",
  });
  const chooser = make("input", {
    id: "voiceprint-files",
    type: "file",
    multiple: true,
    class: "unseen",
    onchange: read,
  });
  const run = make("button", { class: "primary" }, "Convert");
  const trouble = make("div", { class: "trouble", role: "alert", hidden: true });
  const result = make("div", { class: "result" });
  const form = make(
    "form",
    {
      class: "card",
      onsubmit: (event) => {
        event.preventDefault();
        convert();
      },
    },
    make("label", { for: "pasted" }, "Voiceprints as Base64, one in each line, or as JSON"),
    field,
    make(
      "div",
      { class: "row" },
      run,
      chooser,
      make("label", { for: "voiceprint-files", class: "button" }, "Add files"),
    ),
  );
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    add([...event.dataTransfer.files]);
  });

  function read() {
    add([...chooser.files]);
    chooser.value = "";
  }

  async function add(files) {
    try {
      const found = (await Promise.all(files.map(inFile))).flat();
      field.value = [field.value.trim(), ...found].filter(Boolean).join("\n");
      announce(`${many(found.length, "voiceprint")} read from ${many(files.length, "file")}.`);
    } catch (error) {
      fail(error);
    }
  }

  async function convert() {
    trouble.hidden = true;
    run.disabled = true;
    try {
      const voiceprints = pasted(field.value);
      if (!voiceprints.length)
        throw new Error("There is nothing to convert: paste voiceprints into the field, or add files.");
      const { vector_voiceprints: vectors } = await answerTo(
        CONVERSION,
        { voiceprints },
        many(voiceprints.length, "voiceprint"),
      );
      show(voiceprints, vectors);
      announce(`${many(vectors.length, "voiceprint")} converted.`);
    } catch (fault) {
      fail(fault);
    }
    run.disabled = false;
  }

  function fail(fault) {
    fill(result);
    fill(
      trouble,
      make("p", {}, fault.message),
      fault.detail?.length > 0 &&
        make(
          "ul",
          {},
          fault.detail.slice(0, DRAWN).map((one) => make("li", {}, `${place(one.location)}${one.message}`)),
        ),
    );
    trouble.hidden = false;
  }

  function show(voiceprints, vectors) {
    const rows = vectors.slice(0, DRAWN).map((vector, number) => row(voiceprints[number], vector, number));
    fill(
      result,
      make(
        "section",
        { class: "card", "aria-label": "Vectors" },
        make(
          "header",
          {},
          make("h2", { class: "grow" }, many(vectors.length, "vector")),
          button("All as JSON", "quiet", () => save(JSON.stringify(vectors), "vectors.json", "application/json")),
          button("All as CSV", "quiet", () =>
            save(`${vectors.map((vector) => vector.join(",")).join("\n")}\n`, "vectors.csv", "text/csv"),
          ),
        ),
        make("ul", { class: "vectors" }, rows),
        vectors.length > DRAWN && make("p", { class: "muted" }, `The first ${DRAWN} are shown; the files hold all.`),
      ),
    );
  }
  const lead =
    "Stored voiceprints, of this appliance or of an older one, become vectors: value for value what the extraction returned.";
  return { element: make("div", {}, make("p", { class: "lead" }, lead), form, trouble, result) };
}

function row(voiceprint, vector, number) {
  const name = `Voiceprint ${number + 1}`;
  const copying = button("Copy vector", "quiet", () => copy(JSON.stringify(vector), copying), {
    "aria-label": `Copy vector ${number + 1}`,
  });
  const keeping = button("To the tray", "quiet", () => {
    collect({ name, model: modelOf(voiceprint) ?? `stored, ${vector.length} numbers`, voiceprint, vector });
    keeping.textContent = "In the tray";
    keeping.disabled = true;
    announce(`${name} is in the tray.`);
  });
  const told = [modelOf(voiceprint), vector.length ? `${vector.length} numbers` : "no speech, so no vector"]
    .filter(Boolean)
    .join(" · ");
  return make(
    "li",
    {},
    make(
      "div",
      { class: "grow" },
      make("h3", {}, name),
      make("p", { class: "muted small" }, told),
      vector.length > 0 && strip(vector),
    ),
    make("div", { class: "row" }, vector.length > 0 && copying, vector.length > 0 && keeping),
  );
}

const place = (location) => {
  const index = location.findLast?.((part) => typeof part === "number");
  return index === undefined ? "" : `Number ${index + 1}: `;
};
