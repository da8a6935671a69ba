// What happened at the bed: alarms, changed limits, observations and notes in one list; who, when and why.

import { get } from "./api.js";
import { chip, columns, field, make } from "./dom.js";
import { shortTime } from "./times.js";
import { figure, unitName, converted } from "./units.js";
import { alarmWords } from "./words.js";

const KINDS = ["all", "alarm", "limit", "observation", "note"];
const LIMIT = 200;

export class Events {
  #old = true;

  constructor(root, page) {
    this.root = root;
    this.page = page;
    const { t } = page;
    this.kind = make("select");
    this.kind.append(...KINDS.map((kind) => new Option(t(`kind_${kind}`), kind)));
    this.kind.addEventListener("change", () => this.#draw());
    const all = make("a", "button quiet", t("all_alarms"));
    all.href = `/alarms?ward=${encodeURIComponent(page.ward)}&bed=${encodeURIComponent(page.bed)}`;
    this.list = make("div", "scroll");
    root.append(make("div", "toolbar", field(t("show"), this.kind, "kind", "field inline"), all), this.list);
  }

  open() {
    this.load();
  }

  // Something has happened; the list is read again when it is looked at.
  stale() {
    if (this.root.hidden) return;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.load(), 500); // the journal is a moment behind the stream
  }

  async load() {
    const { place, ward, bed, t } = this.page;
    const asked = [
      get(`/api/v1/alarms?state=all&ward=${encodeURIComponent(ward)}&bed=${encodeURIComponent(bed)}&limit=${LIMIT}`),
      get(`/api/v1/beds/${place}/limits/history?limit=${LIMIT}`),
      get(`/api/v1/beds/${place}/observations?limit=${LIMIT}`),
      get(`/api/v1/beds/${place}/notes?limit=${LIMIT}`),
    ];
    const [alarms, limits, observed, notes] = await Promise.allSettled(asked);
    this.missing = [alarms, limits, observed, notes].some((one) => one.status === "rejected");
    const found = (one) => (one.status === "fulfilled" ? one.value : []);
    this.events = [
      ...found(alarms).map((event) => alarmEvent(event, t)),
      ...found(limits).map((change) => limitEvent(change, t)),
      ...(observed.status === "fulfilled" ? observed.value.history : []).map((entry) => entryEvent(entry, observed.value, t)),
      ...found(notes).map((note) => ({ kind: "note", time: note.time, what: note.text, who: note.by, why: note.patient })),
    ].sort((one, other) => other.time - one.time);
    this.#draw();
  }

  #draw() {
    const { t } = this.page;
    const kind = this.kind.value;
    const shown = (this.events ?? []).filter((event) => kind === "all" || event.kind === kind);
    const parts = [];
    if (this.missing) parts.push(make("p", "note", t("not_all_read")));
    if (shown.length === 0) parts.push(make("p", "empty", t("no_events")));
    else parts.push(table(shown, t));
    this.list.replaceChildren(...parts);
  }
}

function table(events, t) {
  const head = columns(["time", "what", "who", "why"].map((key) => t(`col_${key}`)));
  const rows = events.map((event) => {
    const what = make("td", "what", chip(t(`kind_${event.kind}`), event.tone), " ", event.what);
    return make("tr", "", make("td", "nowrap", shortTime(event.time)), what, make("td", "", event.who || "–"), make("td", "", event.why || ""));
  });
  return make("table", "events", make("caption", "unseen", t("tab_events")), head, make("tbody", "", ...rows));
}

function alarmEvent({ change, time, by, reason: why, alarm }, t) {
  const tone = alarm.kind === "technical" ? "technical" : ["raised", "escalated", "reraised"].includes(change) ? alarm.priority : "";
  return { kind: "alarm", tone, time, what: `${t(`change_${change}`)}: ${alarmWords(alarm)}${alarm.late ? ` (${t("late")})` : ""}`, who: by, why };
}

function limitEvent({ change, time, scope, rule, bound, profile, by, reason: why, expires }, t) {
  const place = t(`scope_${scope.split("/")[0]}`);
  const until = expires !== null && change === "set" ? ` ${t("until", { time: shortTime(expires) })}` : "";
  const what = change === "profile" ? `${t("profile")} ${profile || t("as_above")} (${place})` : `${rule}: ${t(`limit_${change}`, { value: bound })} (${place})${until}`;
  return { kind: "limit", time, what, who: by, why };
}

function entryEvent({ name, value, code, time, by, reason: why }, { choices, measured }, t) {
  const known = measured.find((one) => one.name === name);
  const choice = choices.find((one) => one.name === name);
  const label = choice ? t(`entry_${name}`) : (known?.label ?? name);
  if (value === null) return { kind: "observation", time, what: `${label}: ${t("taken_back")}`, who: by, why };
  const text = code ? t(`code_${name}_${code}`) : `${known ? converted(known.unit, value).toFixed(known.decimals) : figure(name, value)} ${unitName(known?.unit ?? "")}`.trim();
  return { kind: "observation", time, what: `${label}: ${text}`, who: by, why };
}
