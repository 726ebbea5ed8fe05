// Asks for the API key, when the appliance does or when somebody wants to change it.

import { button, fill, make, unseen } from "./dom.js";
import { keepKey, key, noKey, whenKeyChanges, whenKeyWanted } from "./key.js";

/** Puts the dialog into the page; answers with the button that opens it. */
export function keyButton() {
  const words = make("p", { id: "key-words" });
  const field = make("input", {
    id: "key-field",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "vp_…",
    "aria-describedby": "key-words",
  });
  const forget = button("Forget it", "quiet", () => close(() => keepKey("")));
  const form = make(
    "form",
    {
      method: "dialog",
      onsubmit: (event) => {
        event.preventDefault();
        if (field.value.trim()) close(() => keepKey(field.value.trim()));
      },
    },
    make("h2", { id: "key-title" }, "API key"),
    words,
    make("label", { for: "key-field" }, "Key"),
    field,
    make(
      "div",
      { class: "row end" },
      forget,
      button("Cancel", "quiet", () => dialog.close()),
      make("button", { class: "primary" }, "Use this key"),
    ),
  );
  const dialog = make("dialog", { "aria-labelledby": "key-title", onclose: noKey }, form);
  document.body.append(dialog);

  function close(before) {
    before();
    field.value = "";
    dialog.close();
  }
  function open(said) {
    words.textContent = said;
    forget.hidden = !key();
    if (!dialog.open) dialog.showModal();
    field.focus();
  }
  const opener = button("", "quiet key", () =>
    open("It is kept in this tab until you close it, and sent to this appliance only."),
  );
  const label = () => fill(opener, "API key", key() && [make("span", { "aria-hidden": "true" }, "\u00a0✓"), unseen(", given")]);
  label();
  whenKeyChanges(label);
  whenKeyWanted((refused) =>
    open(
      refused
        ? "That key opens nothing here: it is mistyped, has expired or was revoked."
        : "This appliance wants an API key. Whoever runs it makes one with “voiceprint keys create”.",
    ),
  );
  return opener;
}
