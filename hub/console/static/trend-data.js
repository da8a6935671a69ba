// Trends as data: which span the address asks for, lanes of a chart, values at a moment, rows of a table. Draws nothing.

import { converted, decimalsOf, entered, unitName } from "./units.js";

export const HOUR = 3_600_000;
export const MINUTE = 60_000;
export const RANGES = [1, 8, 24, 72]; // hours
export const INTERVALS = [1, 5, 15, 30, 60]; // minutes of a row
const MOST_ROWS = 1500;

// One lane of the chart for each, in this order; what is not named here gets a lane of its own.
const LANES = [
  ["hr", ["hr", "pr"]],
  ["spo2", ["spo2"]],
  ["rr", ["rr"]],
  ["abp", ["abp_sys", "abp_mean", "abp_dia"]],
  ["nibp", ["nibp_sys", "nibp_mean", "nibp_dia"]],
  ["temp", ["temp", "temp_core", "temp_skin"]],
  ["etco2", ["etco2"]],
];
const COLOURS = { hr: "hr", pr: "spo2", spo2: "spo2", pi: "spo2", rr: "rr", etco2: "co2", fio2: "co2", cvp: "abp", icp: "abp" };
const FAMILIES = { nibp: "NIBP", abp: "ABP" };

export const colourOf = (parameter) => COLOURS[parameter] ?? (parameter.startsWith("temp") ? "temp" : (/^n?ibp|^abp/.exec(parameter)?.[0] ?? "other"));

// {hours, until (null: now), whole (the bed, whoever lay there)} of a query string, and back.
export function rangeOf(search) {
  const query = new URLSearchParams(search);
  const hours = Number(query.get("hours"));
  const until = Date.parse(query.get("until") ?? "");
  return { hours: RANGES.includes(hours) ? hours : 8, until: Number.isNaN(until) ? null : until, whole: query.get("of") === "bed" };
}

export function addressOf({ hours, until, whole }) {
  const query = new URLSearchParams({ hours });
  if (until !== null) query.set("until", new Date(until).toISOString());
  if (whole) query.set("of", "bed");
  return `?${query}`;
}

// The question to the console: a span into `columns` pieces.
export function questionOf(place, { hours, until, whole }, columns, now) {
  const to = Math.round(until ?? now);
  const query = new URLSearchParams({ from: to - hours * HOUR, to, columns });
  if (!whole) query.set("stay", "true");
  return `/api/v1/beds/${place}/trends?${query}`;
}

// The lanes of an answer: {id, label, unit, colour, lines}.
export function lanesOf(answer) {
  const lines = new Map(answer.lines.map((line) => [line.parameter, line]));
  const lanes = LANES.map(([id, names]) => [id, names.filter((name) => lines.has(name))]);
  const grouped = new Set(LANES.flatMap(([, names]) => names));
  const others = answer.lines.filter((line) => !grouped.has(line.parameter)).map((line) => [line.parameter, [line.parameter]]);
  return [...lanes, ...others]
    .filter(([, names]) => names.length > 0)
    .map(([id, names]) => laneOf(id, names.map((name) => lines.get(name))));
}

function laneOf(id, lines) {
  const label = FAMILIES[id] ?? lines.map((line) => line.label).join(" · ");
  return { id, label, unit: unitName(lines[0].unit), colour: colourOf(lines[0].parameter), lines };
}

// Where the numbers of a lane lie, in the unit shown: {low, high, ticks}. Limits nearby are in sight.
export function scaleOf({ lines }) {
  const values = lines.flatMap((line) => [...line.low, ...line.high]);
  const edges = lines.flatMap((line) => line.limits.flatMap((band) => [band.low, band.high])).filter((edge) => edge !== null);
  const shown = (values.length > 0 ? values.concat(edges) : edges).map((value) => converted(lines[0].unit, value));
  if (shown.length === 0) return { low: 0, high: 1, ticks: [] };
  const [least, most] = shown.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const room = Math.max(most - least, 10 ** (1 - lines[0].decimals) / 5) * 0.12;
  const [low, high] = [least - room, most + room];
  const step = stepOf((high - low) / 5);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(Number(tick.toFixed(4)));
  return { low, high, ticks };
}

function stepOf(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

// Round times in a span, about `count` of them, in the zone of this screen.
export function timeTicks(from, to, count) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE);
  const step = steps.find((one) => (to - from) / one <= count) ?? steps.at(-1);
  const shift = new Date(from).getTimezoneOffset() * MINUTE;
  const found = [];
  for (let time = Math.ceil((from - shift) / step) * step + shift; time < to; time += step) found.push(time);
  return found;
}

// The column of a line at a moment: {time, low, high, mean, late}; or {gap: reason}; or null where it pauses.
export function valueAt(line, time, step) {
  const at = lastBefore(line.times, time);
  if (at >= 0 && time - line.times[at] < step) return columnAt(line, at);
  const gap = line.gaps.find((one) => one.start <= time && time < one.end);
  return gap ? { gap: gap.reason } : null;
}

// What was last measured before a moment, of a line that is measured now and then; null when that is long ago.
export function lastAt(line, time) {
  const at = lastBefore(line.times, time);
  if (!line.aperiodic || at < 0 || time - line.times[at] > HOUR) return null;
  return line.gaps.some((gap) => gap.start <= time && time < gap.end) ? null : columnAt(line, at);
}

function columnAt(line, at) {
  const time = line.times[at];
  return { time, low: line.low[at], high: line.high[at], mean: line.mean[at], late: line.late.includes(time) };
}

function lastBefore(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// The limits of a line at a moment, or null.
export const limitAt = (line, time) => line.limits.find((band) => band.start <= time && time < band.end) ?? null;

// "low" or "high" when a column passes a limit of its time, else "".
export function beyond(line, column) {
  const band = limitAt(line, column.time);
  if (!band) return "";
  if (band.low !== null && column.low < band.low) return "low";
  return band.high !== null && column.high > band.high ? "high" : "";
}

// Numbers of a column as text, in the unit shown: "72", or "68–75" where they differ.
export function columnText(line, { low, high, mean }, whole = true) {
  const decimals = decimalsOf(line.unit, line.decimals);
  const one = (value) => converted(line.unit, value).toFixed(decimals);
  if (one(low) === one(high)) return one(low);
  return whole ? `${one(low)}–${one(high)}` : one(mean);
}

export const toScale = (line, value) => converted(line.unit, value);
export const fromScale = (line, value) => entered(line.unit, value);

// The intervals that make a table of a readable length.
export const intervalsFor = (hours) => INTERVALS.filter((minutes) => (hours * 60) / minutes <= MOST_ROWS);

// A span that begins and ends with a row: {from, to, columns} for an interval in minutes.
export function rowsOf({ hours, until }, minutes, now) {
  const length = minutes * MINUTE;
  const to = Math.ceil((until ?? now) / length) * length;
  const columns = (hours * 60) / minutes;
  return { from: to - columns * length, to, columns };
}
