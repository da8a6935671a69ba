// What happened: every transition of every alarm, newest first, who did what and why.

import { get } from "./api.js";
import { button, chip, columns, field, make, say } from "./dom.js";
import { translator } from "./language.js";
import { may } from "./bed-deeds.js";
import { dateTime, fromField, fullTime, toField } from "./times.js";
import { SHAPES, alarmWords } from "./words.js";

const bedWords = await translator("bed");
const common = await translator("phrases");

const PAGE = 200;
const DAY = 86_400_000;

export class Past {
  constructor(root, page) {
    this.page = page;
    const { t } = page;
    this.events = [];
    this.from = this.#time("from", Date.now() - DAY);
    this.to = this.#time("to", null);
    this.rule = make("input");
    Object.assign(this.rule, { type: "search", maxLength: 64, autocomplete: "off" });
    this.priority = make("select");
    this.priority.append(new Option(t("any"), ""), ...["high", "medium", "low", "technical"].map((one) => new Option(common(one), one)));
    this.csv = make("a", "button", t("csv"));
    this.csv.setAttribute("download", "");
    const fields = [["from", this.from], ["to", this.to], ["rule", this.rule], ["priority", this.priority]];
    const bar = make("div", "toolbar", ...fields.map(([key, input]) => field(t(key), input, `history-${key}`)), this.csv);
    for (const input of [this.from, this.to]) input.addEventListener("change", () => this.load());
    for (const input of [this.rule, this.priority]) input.addEventListener("input", () => this.#list());
    const head = columns(["time", "bed", "what", "who", "why"].map((key) => t(`column_${key}`)));
    this.body = make("tbody");
    this.empty = make("p", "empty", common("loading"));
    this.older = button(t("older"), () => this.#more());
    this.older.hidden = true;
    const table = make("table", "cards", make("caption", "unseen", t("tab_history")), head, this.body);
    root.append(bar, make("div", "panel scroll", table, this.empty, make("div", "choices", this.older)));
  }

  draw() {}

  // Something has happened; the journal is a moment behind the stream.
  stale() {
    if (this.to.value) return;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.load(), 700);
  }

  async load() {
    this.csv.hidden = !may("export");
    this.csv.href = `/api/v1/export/alarms?${this.#asked({ format: "csv" })}`;
    const found = await this.#read(fromField(this.to.value));
    if (found === null) return;
    this.events = found;
    this.#list();
  }

  async #more() {
    const last = this.events.at(-1);
    const found = await this.#read(last.time + 1); // those of the same millisecond come again, and are known
    if (found === null) return;
    const known = new Set(this.events.map((event) => event.event));
    this.events.push(...found.filter((event) => !known.has(event.event)));
    this.#list();
  }

  async #read(before) {
    const { t } = this.page;
    try {
      const found = await get(`/api/v1/alarms?${this.#asked({ state: "all", limit: PAGE }, before)}`);
      this.older.hidden = found.length < PAGE;
      return found;
    } catch (refused) {
      say(this.empty, refused.message || t("none"));
      this.empty.hidden = false;
      return null;
    }
  }

  #asked(more, before = fromField(this.to.value)) {
    const asked = new URLSearchParams(more);
    if (this.page.ward) asked.set("ward", this.page.ward);
    if (this.page.bed) asked.set("bed", this.page.bed);
    const from = fromField(this.from.value);
    if (from !== null) asked.set("from", String(from));
    if (before !== null) asked.set("to", String(before));
    return asked;
  }

  #list() {
    const { t } = this.page;
    const rule = this.rule.value.trim().toLowerCase();
    const priority = this.priority.value;
    const shown = this.events.filter(({ alarm }) => {
      const is = alarm.kind === "technical" ? "technical" : alarm.priority;
      return (!priority || is === priority) && (!rule || alarm.rule.includes(rule) || alarm.message.toLowerCase().includes(rule));
    });
    this.body.replaceChildren(...shown.map((event) => this.#row(event)));
    say(this.empty, t("none"));
    this.empty.hidden = shown.length > 0;
  }

  #row({ change, time, by, reason, alarm }) {
    const { t } = this.page;
    const technical = alarm.kind === "technical";
    const kind = technical ? "technical" : alarm.priority;
    const priority = chip(`${technical ? "⚙" : SHAPES[alarm.priority]} ${common(kind)}`, ["raised", "escalated", "reraised"].includes(change) ? kind : "");
    const marks = [alarm.late && t("late"), alarm.bedside && bedWords("at_bedside")].filter(Boolean);
    const what = make("td", "", priority, ` ${bedWords(`change_${change}`)}: ${alarmWords(alarm)}`, make("span", "soft small", ` ${[alarm.rule, ...marks].join(" · ")}`));
    const place = make("td", "nowrap", alarm.bed ? link(alarm) : alarm.subject || "–");
    const when = make("td", "nowrap", make("time", "", dateTime(time)));
    when.title = fullTime(time);
    return make("tr", "", when, place, what, make("td", "", by || (["acknowledged", "reset"].includes(change) ? "–" : "")), make("td", "", reason));
  }

  #time(name, value) {
    const input = make("input");
    Object.assign(input, { type: "datetime-local", name });
    if (value !== null) input.value = toField(value);
    return input;
  }
}

function link(alarm) {
  const node = make("a", "", `${alarm.ward}/${alarm.bed}`);
  node.href = `/bed/${encodeURIComponent(alarm.ward)}/${encodeURIComponent(alarm.bed)}`;
  return node;
}
