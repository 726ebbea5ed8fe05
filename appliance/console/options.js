// How recordings are listened to: channels apart or mixed, and by which model.

import { ask } from "./api.js";
import { fill, make } from "./dom.js";

/** The fold with the choices, and `chosen()`: what becomes of them in a request. */
export function options() {
  const mode = make(
    "select",
    { id: "channel-mode" },
    make("option", { value: "split" }, "each by itself"),
    make("option", { value: "mix" }, "mixed into one"),
  );
  const model = make("select", { id: "model" }, make("option", { value: "" }, "the appliance’s default"));
  const element = make(
    "details",
    { class: "options", ontoggle: offer },
    make("summary", {}, "Options"),
    make(
      "div",
      { class: "row" },
      make("label", { for: "channel-mode" }, "Channels"),
      mode,
      make("label", { for: "model" }, "Model"),
      model,
    ),
  );
  let offered = false;

  async function offer() {
    if (offered) return;
    offered = true;
    try {
      const { models } = await ask("GET", "api/system/models", { quiet: true });
      fill(
        model,
        model.firstElementChild,
        ...models.filter((one) => !one.default).map((one) => make("option", { value: one.name }, one.name)),
      );
    } catch {
      offered = false; // A key may not be for this: the default remains.
    }
  }
  return { element, chosen: () => ({ channel_mode: mode.value, ...(model.value && { model: model.value }) }) };
}
