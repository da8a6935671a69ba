// What staff see and measure by hand, and their notes: entered here, counted at once by NEWS2 and the rules.

import { get } from "./api.js";
import { button, field, keep, labelOf, make, mark, say } from "./dom.js";
import { may, send } from "./bed-deeds.js";
import { live } from "./live.js";
import { me, tell } from "./shell.js";
import { fromField, shortTime, toField } from "./times.js";
import { converted, decimalsOf, entered, unitName } from "./units.js";

const MG_PER_MMOL = 18.0156; // of glucose
const FIRST = ["temp", "glucose", "rr", "spo2", "pr", "nibp_sys", "nibp_dia", "weight"];

export class Observations {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    const { t } = page;
    this.form = make("form", "panel stack observed");
    this.form.setAttribute("aria-labelledby", "observed-title");
    this.form.noValidate = false;
    this.current = make("ul", "current");
    this.notes = make("ul", "notes");
    this.note = make("form", "stack");
    const entries = make("section", "panel stack", make("h3", "", t("counts_now")), this.current);
    const book = make("section", "panel stack", make("h3", "", t("notes")), this.note, this.notes);
    root.append(make("div", "columns", this.form, make("div", "stack", entries, book)));
    this.#noteForm();
    addEventListener("who", () => this.#rights());
  }

  async open() {
    const { place, t } = this.page;
    try {
      const [found, notes] = await Promise.all([get(`/api/v1/beds/${place}/observations`), get(`/api/v1/beds/${place}/notes`)]);
      this.#show(found);
      this.#showNotes(notes);
    } catch (refused) {
      tell(`${t("not_read")} ${refused.message}`);
    }
  }

  #show(found) {
    this.found = found;
    if (!this.built) this.#build(found);
    const { t } = this.page;
    keep(
      this.current,
      found.current.length > 0 ? found.current : [null],
      (one) => (one ? one.name : "none"),
      () => make("li", "entry row spread"),
      (item, one) => {
        if (!one) return say(item, t("nothing_entered"));
        const until = one.until === null ? t("until_changed") : t("until", { time: shortTime(one.until) });
        const words = make("span", "", make("b", "", `${this.#label(one.name)}: ${this.#value(one)}`), make("span", "small soft", ` ${shortTime(one.time)}, ${one.by} · ${until}`));
        const back = button(t("take_back"), () => this.#takeBack(one.name), "button small quiet");
        back.setAttribute("aria-label", `${t("take_back")}: ${this.#label(one.name)}`);
        back.hidden = !may("observe");
        item.replaceChildren(words, back);
        mark(item, "name", one.name);
      },
    );
    this.#rights();
  }

  #label(name) {
    const choice = this.found.choices.some((one) => one.name === name);
    return choice ? this.page.t(`entry_${name}`) : (this.found.measured.find((one) => one.name === name)?.label ?? name);
  }

  #value({ name, value, code }) {
    if (code) return this.page.t(`code_${name}_${code}`);
    const known = this.found.measured.find((one) => one.name === name);
    if (!known) return String(value);
    const text = `${converted(known.unit, value).toFixed(decimalsOf(known.unit, known.decimals))} ${unitName(known.unit)}`;
    return name === "glucose" ? `${text} (${Math.round(value * MG_PER_MMOL)} mg/dL)` : text;
  }

  // The form, built once: what may be entered does not change while the page is open.
  #build(found) {
    this.built = true;
    const { t } = this.page;
    const title = make("h3", "", t("observe"));
    title.id = "observed-title";
    const choices = found.choices.map((choice) => this.#choice(choice));
    const ordered = [...found.measured].sort((one, other) => rank(one.name) - rank(other.name));
    const fields = ordered.map((one) => this.#number(one));
    const more = make("details", "more", make("summary", "", t("more_values")), make("div", "fields", ...fields.slice(FIRST.length)));
    this.time = entry("datetime-local", t("seen_at"), "observed-time", toField(live.now()));
    this.reason = entry("text", t("reason_scale"), "observed-reason", "", { maxlength: 200 });
    this.wrong = make("p", "wrong");
    this.wrong.setAttribute("role", "alert");
    this.wrong.hidden = true;
    this.done = make("p", "done");
    this.done.setAttribute("role", "status");
    const enter = make("button", "button primary", t("enter"));
    enter.type = "submit";
    this.form.append(title, ...choices, make("div", "fields", ...fields.slice(0, FIRST.length)), more, make("div", "fields", this.time.row, this.reason.row), this.wrong, make("div", "choices", this.done, enter));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter();
    });
    this.touched = false;
    this.time.input.addEventListener("input", () => (this.touched = true));
  }

  #choice({ name, codes }) {
    const { t } = this.page;
    const options = codes.map((code) => {
      const input = make("input");
      Object.assign(input, { type: "radio", name, value: code, id: `${name}-${code}` });
      return make("span", "option", input, labelOf(input, t(`code_${name}_${code}`)));
    });
    return make("fieldset", "choice", make("legend", "", t(`entry_${name}`)), ...options);
  }

  #number(one) {
    const step = 10 ** -decimalsOf(one.unit, one.decimals);
    const limits = { step, inputmode: "decimal", min: round(converted(one.unit, one.low)), max: round(converted(one.unit, one.high)) };
    const made = entry("number", `${one.label} (${unitName(one.unit)})`, `enter-${one.name}`, "", limits);
    made.input.name = one.name;
    if (one.name === "glucose") {
      const echo = make("span", "hint");
      echo.id = "glucose-mg";
      made.input.setAttribute("aria-describedby", echo.id);
      made.input.addEventListener("input", () => say(echo, made.input.value ? `= ${Math.round(Number(made.input.value) * MG_PER_MMOL)} mg/dL` : ""));
      made.row.append(echo);
    }
    return made.row;
  }

  #values() {
    const values = {};
    for (const { name } of this.found.choices) {
      const chosen = this.form.querySelector(`input[name="${name}"]:checked`);
      if (chosen) values[name] = chosen.value;
    }
    for (const { name, unit, decimals } of this.found.measured) {
      const { value } = this.form.elements[name];
      if (value !== "") values[name] = Number(entered(unit, Number(value)).toFixed(decimals + 2));
    }
    return values;
  }

  async #enter() {
    const { t, place } = this.page;
    const values = this.#values();
    const reason = this.reason.input.value.trim();
    if (Object.keys(values).length === 0) return this.#complain(t("enter_something"));
    if (values.spo2_scale === "2" && !reason) return this.#complain(t("scale_needs_reason"));
    const body = { values, reason };
    if (this.touched) body.time = fromField(this.time.input.value);
    try {
      const found = await send(`/api/v1/beds/${place}/observations`, body);
      if (found === null) return;
      this.#complain("");
      this.form.reset();
      this.touched = false;
      this.time.input.value = toField(live.now());
      this.form.querySelector("#glucose-mg").textContent = "";
      this.#show(found);
      say(this.done, t("entered"));
    } catch (refused) {
      this.#complain(refused.message);
    }
  }

  #complain(sentence) {
    say(this.done, "");
    this.wrong.hidden = !sentence;
    say(this.wrong, sentence);
  }

  async #takeBack(name) {
    try {
      const found = await send(`/api/v1/beds/${this.page.place}/observations`, { values: { [name]: null } });
      if (found) this.#show(found);
    } catch (refused) {
      tell(refused.message);
    }
  }

  #noteForm() {
    const { t, place } = this.page;
    const made = entry("area", t("new_note"), "note-text", "", { maxlength: 2000, rows: 3 });
    made.input.required = true;
    const write = make("button", "button", t("write"));
    write.type = "submit";
    this.note.append(made.row, make("div", "choices", write));
    this.note.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const notes = await send(`/api/v1/beds/${place}/notes`, { text: made.input.value });
        if (notes === null) return;
        this.note.reset();
        this.#showNotes(notes);
      } catch (refused) {
        tell(refused.message);
      }
    });
  }

  #showNotes(notes) {
    const { t } = this.page;
    this.notes.replaceChildren(
      ...notes.map((note) => make("li", "written", make("p", "text", note.text), make("p", "small soft", [shortTime(note.time), note.by, note.patient].filter(Boolean).join(" · ")))),
      ...(notes.length === 0 ? [make("li", "soft", t("no_notes"))] : []),
    );
  }

  #rights() {
    const allowed = may("observe");
    this.form.hidden = !allowed;
    this.note.hidden = !allowed;
    mark(this.root, "reader", me.person && !allowed ? "yes" : "");
  }
}

const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
const round = (value) => Number(value.toFixed(2));

function entry(type, text, id, value, attributes = {}) {
  const input = make(type === "area" ? "textarea" : "input");
  if (type !== "area") input.type = type;
  input.value = value;
  for (const [name, one] of Object.entries({ autocomplete: "off", ...attributes })) input.setAttribute(name, one);
  return { input, row: field(text, input, id) };
}
