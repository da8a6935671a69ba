// Units: pressures and temperatures as the site, or this screen's reader, wants to read them.

import { remembered } from "./memory.js";

const KPA_PER_MMHG = 0.133322387415;

export const PRESSURES = { mmhg: "mmHg", kpa: "kPa" };
export const TEMPERATURES = { celsius: "°C", fahrenheit: "°F" };

const site = document.documentElement.dataset;
const pick = (own, common, known, otherwise) => (own in known ? own : common in known ? common : otherwise);
export const pressure = pick(remembered("pressure"), site.pressure, PRESSURES, "mmhg");
export const temperature = pick(remembered("temperature"), site.temperature, TEMPERATURES, "celsius");

// From what the wire or the catalogue calls a unit.
const KINDS = { mmHg: "pressure", "mm[Hg]": "pressure", "°C": "temperature", Cel: "temperature" };
const NAMES = { "mm[Hg]": "mmHg", Cel: "°C" };
const AS_IT_IS = { to: (value) => value, from: (value) => value, decimals: null };
const CHANGED = {
  kpa: { to: (value) => value * KPA_PER_MMHG, from: (value) => value / KPA_PER_MMHG, decimals: 1 },
  fahrenheit: { to: (value) => (value * 9) / 5 + 32, from: (value) => ((value - 32) * 5) / 9, decimals: 1 },
};

let catalogue = {};

// The parameters as the stream or /api/v1/parameters tells them.
export function learn(parameters) {
  catalogue = parameters;
}

function way(unit) {
  const chosen = { pressure, temperature }[KINDS[unit]];
  return CHANGED[chosen] ?? AS_IT_IS;
}

// "mm[Hg]" → "kPa" on a screen that wants it
export function unitName(unit) {
  const kind = KINDS[unit];
  if (kind === "pressure") return PRESSURES[pressure];
  if (kind === "temperature") return TEMPERATURES[temperature];
  return NAMES[unit] ?? unit;
}

// A value in `unit` as a number of the unit shown.
export const converted = (unit, value) => way(unit).to(value);

// A number typed in the unit shown, back in `unit`.
export const entered = (unit, value) => way(unit).from(value);

// The digits after the point of a value in `unit` that has `decimals` on the wire.
export const decimalsOf = (unit, decimals) => way(unit).decimals ?? decimals;

const known = (parameter) => catalogue[parameter] ?? { label: parameter, unit: "", decimals: 1 };

// The unit of a parameter as shown.
export const unitOf = (parameter) => unitName(known(parameter).unit);

// The number alone: "37.2"; null is "?".
export function figure(parameter, value) {
  if (value === null || value === undefined) return "?";
  const { unit, decimals } = known(parameter);
  return converted(unit, value).toFixed(decimalsOf(unit, decimals));
}

// Number and unit: "37.2 °C", "72 /min".
export function shown(parameter, value) {
  const unit = unitOf(parameter);
  return value === null || value === undefined || !unit ? figure(parameter, value) : `${figure(parameter, value)}\u00a0${unit}`;
}
