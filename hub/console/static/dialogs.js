// Questions to the reader: a dialog of named fields, answered or thought better of.

import { attribute, field, make } from "./dom.js";
import { translator } from "./language.js";

const t = await translator("phrases");

let number = 0;

// Resolves to {name: value} of `fields`, or null. A field: {name, label, type, value, required, hint, options, ...}
// with `options` [[value, text]] for a choice, type "area" for long text, "checkbox" for yes or no, and `attributes`
// for the rest of an input. `check(values)` may answer why not; `danger` makes the answer red.
export function ask({ title, text = "", fields = [], yes = t("save"), danger = false, check = () => "" }) {
  number += 1;
  const heading = make("h2", "", title);
  heading.id = `ask-${number}`;
  const inputs = new Map(fields.map((one) => [one.name, input(one, `ask-${number}-${one.name}`)]));
  const wrong = make("p", "wrong");
  wrong.setAttribute("role", "alert");
  wrong.hidden = true;
  const cancel = make("button", "button", t("cancel"));
  cancel.type = "button";
  const go = make("button", danger ? "button danger" : "button primary", yes);
  go.type = "submit";
  const form = make("form", "stack", heading, ...(text ? [make("p", "soft", text)] : []), ...[...inputs.values()].map((one) => one.row), wrong, make("div", "choices", cancel, go));
  const dialog = make("dialog", "", form);
  dialog.setAttribute("aria-labelledby", heading.id);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    let answer = null;
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const values = Object.fromEntries([...inputs].map(([name, { read }]) => [name, read()]));
      const why = check(values);
      wrong.textContent = why;
      wrong.hidden = !why;
      if (why) return;
      answer = values;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
  });
}

// Whether the reader says yes.
export const confirmed = async (question) => (await ask({ yes: t("yes"), ...question })) !== null;

function input({ name, label, type = "text", value = "", required = false, hint = "", options = null, attributes = {} }, id) {
  const entry = options ? make("select") : make(type === "area" ? "textarea" : "input");
  if (options) for (const [one, text] of options) entry.append(new Option(text, one, one === value, one === value));
  else if (type === "checkbox") Object.assign(entry, { type, checked: Boolean(value) });
  else if (type === "area") entry.value = value;
  else Object.assign(entry, { type, value: value ?? "" });
  entry.name = name;
  entry.required = required;
  for (const [key, one] of Object.entries({ autocomplete: "off", ...attributes })) attribute(entry, key, one);
  const row = field(label, entry, id, type === "checkbox" ? "field check" : "field");
  if (hint) {
    const words = make("p", "hint", hint);
    words.id = `${id}-hint`;
    entry.setAttribute("aria-describedby", words.id);
    row.append(words);
  }
  return { row, read: () => (type === "checkbox" ? entry.checked : entry.value.trim()) };
}
