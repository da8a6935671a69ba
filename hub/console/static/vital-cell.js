// One vital sign: label, unit, number and its age; or why there is no number.

import { make, mark, say } from "./dom.js";
import { age, span } from "./times.js";
import { figure, unitName } from "./units.js";
import { reason } from "./words.js";

export class VitalCell extends HTMLElement {
  #built = false;

  show(sign) {
    if (!this.#built) this.#build();
    mark(this, "parameter", sign.name);
    mark(this, "state", sign.state);
    mark(this, "alarm", sign.alarm);
    mark(this, "alarmState", sign.alarmState);
    say(this.label, sign.label);
    say(this.unit, sign.unit);
    say(this.value, sign.text);
    say(this.mean, sign.mean);
    this.mean.hidden = sign.mean === "";
    say(this.note, sign.note);
    say(this.brief, sign.brief ?? sign.note);
    const characters = String(Math.max(sign.room, width(sign.text)));
    if (this.characters === characters) return;
    this.characters = characters;
    this.style.setProperty("--characters", characters);
  }

  #build() {
    this.#built = true;
    this.label = make("span", "label");
    this.unit = make("span", "unit");
    this.value = make("span", "value");
    this.value.dir = this.unit.dir = "ltr";
    this.mean = make("span", "mean");
    this.note = make("span", "age");
    this.brief = make("span", "age-brief");
    this.brief.setAttribute("aria-hidden", "true");
    const name = make("span", "name", this.label, this.unit);
    this.append(name, make("span", "figure", this.value), make("span", "foot", this.mean, this.note, this.brief));
  }
}

customElements.define("vital-cell", VitalCell);

// In widths of a digit.
function width(text) {
  return [...text].reduce((total, character) => total + ("/.()".includes(character) ? 0.55 : 1), 0);
}

// A pressure is one sign made of three parameters.
const FAMILIES = { nibp: "NIBP", abp: "ABP" };
const ORDER = ["hr", "pr", "spo2", "rr", "nibp", "abp", "temp", "temp_core", "temp_skin", "etco2", "fio2", "cvp", "icp", "pi", "glucose", "weight"];
const JUST_NOW_MS = 5000;
const SLOW = /^(temp|glucose|weight)/; // as good as ever minutes later
const UNCATALOGUED = { unit: "", decimals: 0, stale_s: 15, aperiodic: false };

// The signs the site wants to see, all when it has not said.
const wanted = new Set((document.documentElement.dataset.signs ?? "").split(" ").filter(Boolean));

// The signs of a bed, first the two that are shown large. `elapsed` is since the bed was received.
export function signs(bed, parameters, elapsed, silent) {
  const names = new Set(Object.keys(bed.values).map(family));
  const alarming = new Set(bed.alarms.map((alarm) => alarm.parameter && family(alarm.parameter)));
  const shown = [...names].filter((name) => wanted.size === 0 || wanted.has(name) || alarming.has(name));
  const ordered = shown.sort((one, other) => place(one) - place(other) || one.localeCompare(other));
  const rate = ordered.find((name) => name === "hr" || name === "pr");
  const first = [rate, ordered.find((name) => name === "spo2")].filter(Boolean);
  const rest = ordered.filter((name) => !first.includes(name));
  while (first.length < 2 && rest.length > 0) first.push(rest.shift());
  const one = (room) => (name) => ({ room, ...sign(name, bed, parameters, elapsed, silent), ...alarmOf(name, bed) });
  return { first: first.map(one(3)), rest: rest.map(one(2)) }; // room for so many digits, so that sizes stay even
}

function family(name) {
  const stem = name.split("_")[0];
  return stem in FAMILIES ? stem : name;
}

function place(name) {
  const index = ORDER.indexOf(name);
  return index < 0 ? ORDER.length : index;
}

function alarmOf(name, bed) {
  const found = bed.alarms.find((alarm) => alarm.kind !== "technical" && alarm.parameter && family(alarm.parameter) === name);
  return found ? { alarm: found.priority, alarmState: found.state } : {};
}

function sign(name, bed, parameters, elapsed, silent) {
  const members = name in FAMILIES ? ["sys", "dia", "mean"].map((part) => `${name}_${part}`) : [name];
  const main = members.find((member) => member in bed.values);
  const catalogue = parameters[main] ?? { label: main, ...UNCATALOGUED };
  const oldest = Math.max(...members.filter((member) => member in bed.values).map((member) => bed.values[member].age_ms));
  const old = oldest + elapsed;
  const head = { name, label: FAMILIES[name] ?? catalogue.label, unit: unitName(catalogue.unit), mean: "" };
  if (silent) return { ...head, state: "silent", text: "--", note: "" };
  const values = members.map((member) => bed.values[member]);
  if (values.every((value) => !value || value.value === null)) {
    const why = reason(values.find((value) => value?.reason)?.reason ?? "no_value");
    return { ...head, state: "missing", text: "?", note: why };
  }
  const stale = old > catalogue.stale_s * 1000 || values.some((value) => value && value.value !== null && !value.fresh);
  const { text, mean } = figures(main, values);
  const when = { note: age(old), brief: brief(name, old, stale) };
  if (!stale) return { ...head, state: "fresh", text, mean, ...when };
  if (catalogue.aperiodic) return { ...head, state: "old", text, mean, ...when };
  return { ...head, state: "stale", text: "--", note: `${text}, ${when.note}`, brief: `${text}, ${when.brief}` };
}

// The age in a small tile: where it says something, which is at a cuff, and at what is not of now.
const brief = (name, old, stale) => (stale || name === "nibp" || (old >= JUST_NOW_MS && !SLOW.test(name)) ? span(old) : "");

// "72", or "120/80" with "(93)"; a part that is missing shows as "?".
function figures(name, values) {
  const shown = (value) => figure(name, value?.value);
  if (values.length === 1) return { text: shown(values[0]), mean: "" };
  const [systolic, diastolic, mean] = values;
  if (!systolic && !diastolic) return { text: `(${shown(mean)})`, mean: "" };
  return { text: `${shown(systolic)}/${shown(diastolic)}`, mean: mean ? `(${shown(mean)})` : "" };
}
