// The burden: how many alarms there were, of which rules and beds, how long they lasted and how soon somebody came.

import { get } from "./api.js";
import { columns, field, make, mark, rowHead, say } from "./dom.js";
import { translator } from "./language.js";
import { live } from "./live.js";
import { span } from "./times.js";

const common = await translator("phrases");

const SPANS = [8, 24, 72, 168];
const HOUR = 3_600_000;

export class BurdenView {
  constructor(root, page) {
    this.page = page;
    const { t } = page;
    this.span = make("select");
    this.span.append(...SPANS.map((n) => new Option(t("last_hours", { n }), String(n), n === 24, n === 24)));
    this.span.addEventListener("change", () => this.load());
    this.figures = make("div", "panel figures");
    this.rules = make("div", "panel scroll");
    this.beds = make("div", "panel scroll");
    this.empty = make("p", "panel empty", common("loading"));
    root.append(make("div", "toolbar", field(t("span"), this.span, "burden-span"), make("p", "hint", t("burden_hint"))), this.figures, this.empty, make("div", "split", this.rules, this.beds));
    root.classList.add("stack");
  }

  draw() {}

  async load() {
    const now = Math.round(live.now());
    const asked = new URLSearchParams({ from: String(now - Number(this.span.value) * HOUR), to: String(now) });
    if (this.page.ward) asked.set("ward", this.page.ward);
    try {
      this.#show(await get(`/api/v1/burden?${asked}`));
    } catch (refused) {
      for (const part of [this.figures, this.rules, this.beds]) part.hidden = true;
      say(this.empty, refused.message);
      this.empty.hidden = false;
    }
  }

  #show(found) {
    const { t } = this.page;
    const figures = [
      ["figure_alarms", found.alarms],
      ["figure_per_bed_day", number(found.per_bed_day)],
      ["figure_reference", number(found.reference_per_bed_day)],
      ["figure_short", percent(found.short_share)],
      ["figure_latency", seconds(found.latency_median_s)],
      ["figure_latency_p90", seconds(found.latency_p90_s)],
      ["figure_acknowledged", found.acknowledged],
      ["figure_late", found.late],
      ["figure_tests", found.tests],
    ];
    this.figures.replaceChildren(...figures.map(([key, value]) => make("div", "", make("b", "", value === null ? "–" : String(value)), make("span", "soft", t(key)))));
    const most = Math.max(1, ...found.rules.map((one) => one.alarms));
    const rules = found.rules.map((one) => row([one.rule, common(one.kind === "technical" ? "technical" : one.priority)], one.alarms, most, number(one.per_bed_day), percent(one.alarms ? one.short / one.alarms : null), seconds(one.median_duration_s)));
    this.rules.replaceChildren(table(t("by_rule"), ["rule", "count", "bar", "per_bed_day", "short", "lasted"].map((key) => t(`col_${key}`)), rules));
    const beds = found.by_bed.filter((one) => (!this.page.ward || one.ward === this.page.ward) && (!this.page.bed || one.bed === this.page.bed));
    // The bar of a bed ends at the busiest bed or at the reference, whichever is more, so that the two can be compared.
    const scale = Math.max(found.reference_per_bed_day, ...beds.map((one) => one.per_day ?? 0));
    const lines = beds.map((one) => row([`${one.ward}/${one.bed}`, ""], one.alarms, scale, number(one.per_day), percent(one.alarms ? one.short / one.alarms : null), seconds(one.latency_median_s), one.per_day, found.reference_per_bed_day));
    this.beds.replaceChildren(table(t("by_bed"), ["bed", "count", "bar_bed", "per_day", "short", "latency"].map((key) => t(`col_${key}`)), lines));
    for (const part of [this.figures, this.rules, this.beds]) part.hidden = false;
    say(this.empty, t("no_alarms_span"));
    this.empty.hidden = found.alarms > 0;
  }
}

function row([name, note], count, most, perDay, short, lasted, length = count, reference = null) {
  const bar = make("span", "measure");
  bar.style.setProperty("inline-size", `${(100 * Math.min(length ?? 0, most)) / most}%`);
  const line = make("span", "measure-line", bar);
  if (reference !== null) {
    mark(bar, "tone", (length ?? 0) > reference ? "bad" : "");
    const mark_ = make("span", "reference");
    mark_.style.setProperty("inset-inline-start", `${(100 * reference) / most}%`);
    line.append(mark_);
  }
  line.setAttribute("aria-hidden", "true");
  const head = rowHead(name, make("span", "soft small", note ? ` ${note}` : ""));
  const cells = [perDay, short, lasted].map((text) => make("td", "number", text ?? "–"));
  return make("tr", "", head, make("td", "number", String(count)), make("td", "bar-cell", line), ...cells);
}

function table(caption, heads, rows) {
  return make("table", "", make("caption", "", caption), columns(heads), make("tbody", "", ...rows));
}

const number = (value) => (value === null ? null : value.toFixed(value < 10 ? 1 : 0));
const percent = (share) => (share === null ? null : `${Math.round(share * 100)} %`);
const seconds = (value) => (value === null ? null : span(value * 1000));
