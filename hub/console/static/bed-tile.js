// One bed: its name, its alarms, its waves and vital signs, and whether anything is heard of it at all.

import "./alarm-line.js";
import { inStep } from "./alarm-line.js";
import { attribute, keep, make, mark, say } from "./dom.js";
import { translator } from "./language.js";
import { SILENT_MS } from "./picture.js";
import { clockTime, minuteTime } from "./times.js";
import { signs } from "./vital-cell.js";
import { LABELS } from "./ward-waves.js";
import { linkTrouble, reason, scoreWords } from "./words.js";

const t = await translator("words");

// States that are a monitor's own business, not a nurse's.
const QUIET_STATES = new Set(["gap", "spot_check", "from_memory"]);
const MOST_ID = 12; // characters of an id that stands for who has no name here
const NAMES = document.documentElement.dataset.names ?? "initials";

export class BedTile extends HTMLElement {
  #built = false;

  // `scene`: {now, at, heardAt, time, parameters, lines, traces: [channel]}
  show(bed, scene) {
    if (!this.#built) this.#build();
    this.bed = bed;
    const elapsed = scene.now - scene.at;
    const mute = bed.stream_age_ms === null || scene.heardAt === null || scene.now - scene.heardAt > SILENT_MS;
    const silent = mute || bed.silent;
    say(this.name, bed.title);
    attribute(this.name, "href", `/bed/${encodeURIComponent(bed.ward)}/${encodeURIComponent(bed.bed)}`);
    mark(this, "bed", bed.bed);
    mark(this, "state", bed.devices.length === 0 && !mute ? "empty" : silent ? "silent" : "live");
    const empty = this.dataset.state === "empty";
    say(this.silence, silent || empty ? silenceOf(bed, scene, elapsed, mute) : "");
    this.silence.hidden = !silent && !empty;
    say(this.patient, patientOf(bed));
    this.patient.hidden = this.patient.textContent === "";
    say(this.link, silent ? "" : bed.devices.map((device) => device.device).join(" · "));
    this.#score(bed, silent);
    this.#pause(bed);
    this.#alarms(bed, scene);
    this.#faults(bed, scene, silent);
    this.#traces(silent ? [] : scene.traces ?? []);
    this.#signs(signs(bed, scene.parameters, elapsed, silent));
  }

  #build() {
    this.#built = true;
    this.name = make("a", "title");
    this.patient = make("span", "patient");
    this.link = make("span", "link");
    this.score = make("span", "score");
    this.pause = make("p", "pause");
    this.alarms = make("div", "alarms");
    this.more = make("button", "more");
    this.more.type = "button";
    this.more.addEventListener("click", () => this.#open());
    this.silence = make("p", "silence-of-bed");
    this.traces = make("div", "traces");
    this.cells = make("div", "cells");
    this.faults = make("div", "faults");
    this.states = make("p", "states");
    const foot = make("footer", "", this.states, this.faults);
    const head = make("header", "", make("h2", "", this.name), this.patient, this.score, this.link);
    const line = make("div", "line", this.alarms, this.more);
    this.append(make("article", "", head, line, this.pause, this.silence, this.traces, this.cells, foot));
  }

  #open() {
    if (!("whole" in this.dataset)) this.dispatchEvent(new CustomEvent("open-bed", { bubbles: true, detail: this.bed.bed }));
  }

  #score(bed, silent) {
    const news2 = bed.scores.news2;
    say(this.score, news2 && !silent ? `NEWS2 ${scoreWords(news2)}` : "");
    this.score.hidden = this.score.textContent === "";
    mark(this.score, "risk", news2?.complete && !silent ? news2.risk : "");
  }

  #pause({ pause }) {
    const why = pause?.reason ? `: ${pause.reason}` : "";
    say(this.pause, pause ? t("alarms_paused_until", { time: minuteTime(pause.until), by: pause.by }) + why : "");
    this.pause.hidden = !pause;
  }

  #alarms(bed, scene) {
    const all = bed.alarms.filter((alarm) => alarm.kind !== "technical");
    this.#lines(this.alarms, all.slice(0, scene.lines), bed.title);
    const top = all[0];
    mark(this, "priority", top?.priority);
    mark(this, "alarmState", top?.state);
    const hidden = all.length - Math.min(all.length, scene.lines);
    this.more.hidden = hidden === 0;
    say(this.more, `+${hidden}`);
    attribute(this.more, "aria-label", t("more_alarms", { n: hidden, bed: bed.title }));
  }

  #faults(bed, scene, silent) {
    const all = bed.alarms.filter((alarm) => alarm.kind === "technical");
    const shown = all.slice(0, Math.max(1, scene.lines - 1));
    this.#lines(this.faults, shown, bed.title);
    const told = new Set([...QUIET_STATES, ...Object.values(bed.flags)]);
    const states = silent ? [] : bed.states.filter((state) => !told.has(state)).map(reason);
    const troubles = bed.devices.map(linkTrouble).filter(Boolean);
    const hidden = all.length > shown.length ? [t("more_technical", { n: all.length - shown.length })] : [];
    say(this.states, [...new Set([...troubles, ...states, ...hidden])].join(" · "));
    mark(this.states, "trouble", troubles.length > 0 ? "yes" : "");
  }

  #lines(parent, alarms, title) {
    keep(
      parent,
      alarms,
      (alarm) => alarm.rule,
      () => document.createElement("alarm-line"),
      (line, alarm) => line.show(alarm, title),
    );
  }

  // Room for the waves; they are drawn on the canvas that lies over all tiles.
  #traces(channels) {
    mark(this, "traces", channels.length || "");
    keep(
      this.traces,
      channels,
      (channel) => channel,
      (channel) => make("div", "trace", make("span", "", LABELS[channel] ?? channel)),
      (node, channel) => mark(node, "channel", channel),
    );
  }

  #signs({ first, rest }) {
    const lines = rows(rest);
    mark(this.cells, "rows", lines.length);
    const all = [first, ...lines].flatMap(spread);
    keep(
      this.cells,
      all,
      ({ sign }) => sign.name,
      () => document.createElement("vital-cell"),
      (cell, { sign, line, span }) => {
        mark(cell, "line", line);
        if (cell.span !== span) cell.style.setProperty("--span", (cell.span = span));
        const was = cell.dataset.alarmState;
        cell.show(sign);
        if (sign.alarmState && was !== sign.alarmState) requestAnimationFrame(() => inStep(cell));
      },
    );
  }
}

// As much of the patient's name as the site shows on a wall: the console sends no more.
function patientOf(bed) {
  return bed.patient_initials || (NAMES === "hidden" ? "" : bed.patient.slice(0, MOST_ID));
}

function silenceOf(bed, scene, elapsed, mute) {
  if (bed.stream_age_ms === null || scene.heardAt === null) return t("no_data_yet");
  if (!mute && bed.devices.length === 0) return t("no_device");
  const ages = bed.devices.map((device) => device.age_ms).filter((age) => age !== null);
  if (ages.length > 0) return t("no_data_since", { time: clockTime(scene.time - Math.min(...ages) - elapsed) });
  return mute ? t("no_data_since", { time: clockTime(scene.time - (scene.now - scene.heardAt)) }) : t("no_data_start");
}

const COLUMNS = 60; // of the grid of cells; fine enough for any share
const FULL_ROW = 4.6; // in widths of a plain number

const WEIGHTS = { rr: 0.87, nibp: 2.25, abp: 2.25, temp: 1.33, temp_core: 1.33, temp_skin: 1.33 };

const weight = (sign) => WEIGHTS[sign.name] ?? 1;
const sum = (signs) => signs.reduce((total, sign) => total + weight(sign), 0);

// The smaller signs, broken into rows of about the same weight.
function rows(signs) {
  const count = Math.ceil(sum(signs) / FULL_ROW);
  const lines = [];
  let rest = signs;
  for (let left = count; left > 0; left -= 1) {
    const share = sum(rest) / left;
    let taken = 1;
    while (taken < rest.length - (left - 1) && sum(rest.slice(0, taken)) + weight(rest[taken]) / 2 <= share) taken += 1;
    lines.push(left === 1 ? rest : rest.slice(0, taken));
    rest = rest.slice(taken);
  }
  return lines;
}

// Gives each sign of a row its share of the columns; the signs of row 0 are equals.
function spread(signs, line) {
  const share = (sign) => (line === 0 ? 1 : weight(sign));
  const total = signs.reduce((found, sign) => found + share(sign), 0);
  let used = 0;
  return signs.map((sign, index) => {
    const span = index === signs.length - 1 ? COLUMNS - used : Math.round((COLUMNS * share(sign)) / total);
    used += span;
    return { sign, line, span };
  });
}

customElements.define("bed-tile", BedTile);
