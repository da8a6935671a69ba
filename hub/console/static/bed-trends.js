// The course of the bed: the range, the chart, and the same as a table.

import "./trend-chart.js";
import { get } from "./api.js";
import { button, column, field, make, mark, rowHead, say } from "./dom.js";
import { live } from "./live.js";
import { dateTime, minuteTime, shortTime } from "./times.js";
import { HOUR, RANGES, addressOf, beyond, columnText, intervalsFor, lanesOf, questionOf, rangeOf, rowsOf, valueAt } from "./trend-data.js";
import { reason } from "./words.js";

const RENEW_MS = { 1: 5_000, 8: 20_000, 24: 60_000, 72: 120_000 };

export class Trends {
  #asked = 0; // number of the newest question: an older answer is not shown over it
  #renewed = 0;

  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.range = rangeOf(location.search);
    this.minutes = intervalsFor(this.range.hours)[1] ?? 5;
    this.#build();
    new ResizeObserver(() => this.chart.clientWidth !== this.width && this.answer && this.load()).observe(this.chart);
    setInterval(() => this.#renew(), 1000);
  }

  open() {
    this.load();
  }

  #build() {
    const { t } = this.page;
    this.ranges = RANGES.map((hours) => {
      const one = button(t("hours", { n: hours }), () => this.#choose({ hours }));
      one.dataset.hours = hours;
      return one;
    });
    const group = make("div", "row ranges", ...this.ranges);
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", t("range"));
    this.earlier = button("‹", () => this.#shift(-1));
    this.later = button("›", () => this.#shift(1));
    this.now = button(t("now"), () => this.#choose({ until: null }));
    this.earlier.setAttribute("aria-label", t("earlier"));
    this.later.setAttribute("aria-label", t("later"));
    this.whole = button(t("whole_bed"), () => this.#choose({ whole: !this.range.whole }));
    this.asTable = button(t("as_table"), () => this.#table(this.table.hidden));
    this.csv = make("a", "button", t("csv"));
    this.csv.setAttribute("download", "");
    this.span = make("p", "span soft");
    this.span.setAttribute("aria-live", "polite");
    this.trouble = make("p", "note");
    this.trouble.dataset.tone = "bad";
    this.trouble.hidden = true;
    this.chart = document.createElement("trend-chart");
    this.chart.setAttribute("aria-label", t("chart_help"));
    this.chart.words = { reason: (code) => (code === "no_data" ? t("no_data") : reason(code)), incomplete: t("incomplete"), score: "NEWS2" };
    this.chart.dir = "ltr";
    this.empty = make("p", "empty", t("nothing_in_span"));
    this.legend = make("p", "legend small soft", t("legend"));
    this.interval = make("select");
    this.interval.addEventListener("change", () => {
      this.minutes = Number(this.interval.value);
      this.#fill();
    });
    this.rows = make("div", "scroll tabular");
    this.rows.tabIndex = 0;
    this.rows.setAttribute("role", "region");
    this.rows.setAttribute("aria-label", t("table"));
    this.table = make("div", "stack", field(t("row_each"), this.interval, "interval", "field inline"), this.rows);
    this.table.hidden = true;
    const moving = make("div", "row", this.earlier, this.now, this.later);
    moving.dir = "ltr"; // as time runs in the chart
    this.root.append(make("div", "toolbar", group, moving, this.whole, this.asTable, this.csv), this.span, this.trouble, this.chart, this.empty, this.legend, this.table);
  }

  #choose(change) {
    Object.assign(this.range, change);
    if (!intervalsFor(this.range.hours).includes(this.minutes)) [this.minutes] = intervalsFor(this.range.hours);
    history.replaceState(null, "", `${location.pathname}${addressOf(this.range)}${location.hash}`);
    this.load();
  }

  #shift(way) {
    const now = live.now();
    const until = (this.range.until ?? now) + (way * this.range.hours * HOUR) / 2;
    this.#choose({ until: until >= now ? null : until });
  }

  // Asks for what the chart has room for.
  async load() {
    if (this.root.hidden) return;
    const number = (this.#asked += 1);
    const now = live.now();
    this.#renewed = performance.now();
    this.width = this.chart.clientWidth;
    const columns = Math.max(60, Math.min(1200, Math.floor(this.width - 58)));
    let answer = null;
    let why = "";
    try {
      answer = await get(questionOf(this.page.place, this.range, columns, now));
    } catch (refused) {
      why = refused.message;
    }
    if (number !== this.#asked) return;
    this.trouble.hidden = !why;
    say(this.trouble, why && this.page.t("course_not_read", { why }));
    if (answer) this.#show(answer, now);
  }

  #renew() {
    if (this.root.hidden || document.hidden || this.range.until !== null) return;
    if (performance.now() - this.#renewed > RENEW_MS[this.range.hours]) this.load();
  }

  #show(answer, now) {
    const { t } = this.page;
    this.answer = answer;
    for (const one of this.ranges) one.setAttribute("aria-pressed", String(Number(one.dataset.hours) === this.range.hours));
    this.whole.setAttribute("aria-pressed", String(this.range.whole));
    this.now.setAttribute("aria-pressed", String(this.range.until === null));
    this.later.disabled = this.range.until === null;
    this.csv.href = `/api/v1/beds/${this.page.place}/readings?${new URLSearchParams({ from: answer.from, to: answer.to, format: "csv" })}`;
    const there = lanesOf(answer).length > 0;
    this.chart.hidden = !there;
    this.legend.hidden = !there;
    this.empty.hidden = there;
    const cut = answer.to - answer.from < this.range.hours * HOUR - 1000;
    const who = answer.stays.filter((stay) => stay.end === null).at(-1)?.patient;
    const words = t("from_to", { from: dateTime(answer.from), to: this.range.until === null ? minuteTime(now) : dateTime(answer.to) });
    say(this.span, [words, cut && who ? t("since_admission", { who }) : "", answer.more_alarms ? t("more_alarms") : ""].filter(Boolean).join(" · "));
    if (there) this.chart.show(answer);
    if (!this.table.hidden) this.#fill();
  }

  // The accessible twin.

  #table(open) {
    this.table.hidden = !open;
    this.asTable.setAttribute("aria-pressed", String(open));
    if (open) this.#fill();
  }

  async #fill() {
    const { t } = this.page;
    this.interval.replaceChildren(...intervalsFor(this.range.hours).map((minutes) => new Option(t("minutes", { n: minutes }), minutes, false, minutes === this.minutes)));
    const { from, to, columns } = rowsOf(this.range, this.minutes, live.now());
    const question = new URLSearchParams({ from, to, columns });
    if (!this.range.whole) question.set("stay", "true");
    try {
      const answer = await get(`/api/v1/beds/${this.page.place}/trends?${question}`);
      this.rows.replaceChildren(tableOf(answer, from, this.minutes, t));
    } catch (refused) {
      this.rows.replaceChildren(make("p", "note", t("course_not_read", { why: refused.message })));
    }
  }
}

function tableOf(answer, from, minutes, t) {
  const lines = lanesOf(answer).flatMap((lane) => lane.lines.map((line) => ({ line, unit: lane.unit })));
  if (lines.length === 0) return make("p", "empty", t("nothing_in_span"));
  const head = make("tr", "", column(t("time")), ...lines.map(({ line, unit }) => column(`${line.label} ${unit}`.trim(), "number")), column(t("alarms")));
  const body = make("tbody");
  const step = answer.step_ms;
  for (let time = answer.to - step; time >= answer.from; time -= step) {
    const cells = lines.map(({ line }) => cell(line, time, step, t));
    if (cells.every((one) => "empty" in one.dataset) && time > live.now()) continue;
    const row = rowHead(shortTime(time));
    row.className = "nowrap";
    body.append(make("tr", "", row, ...cells, make("td", "", alarmsAt(answer, time, step))));
  }
  return make("table", "", make("caption", "", t("table_caption", { n: minutes })), make("thead", "", head), body);
}

function cell(line, time, step, t) {
  const column = valueAt(line, time, step);
  const node = make("td", "number");
  if (column === null || column.gap !== undefined) {
    const why = column === null ? "" : column.gap === "no_data" ? t("no_data") : reason(column.gap);
    node.dataset.empty = "";
    node.append(why ? make("span", "small soft", why) : "–");
    return node;
  }
  const side = beyond(line, column);
  mark(node, "beyond", side);
  const arrow = side === "high" ? "↑" : side === "low" ? "↓" : "";
  node.append(arrow ? make("b", "", `${arrow} ${columnText(line, column)}`) : columnText(line, column));
  if (side) node.append(make("span", "unseen", ` ${t(side === "high" ? "above_limit" : "below_limit")}`));
  if (column.late) node.append(make("span", "small soft", ` ${t("late")}`));
  return node;
}

const alarmsAt = (answer, time, step) => answer.alarms.filter((alarm) => alarm.start >= time && alarm.start < time + step).map((alarm) => alarm.message).join(", ");
