// What if: another limit, judged over the readings that were kept; nothing is changed.

import { ask, get } from "./api.js";
import { button, field, make, say, shape } from "./dom.js";
import { translator } from "./language.js";
import { may } from "./bed-deeds.js";
import { live } from "./live.js";
import { dateTime } from "./times.js";
import { converted, decimalsOf, entered, unitName } from "./units.js";

const common = await translator("phrases");

const HOURS = [1, 4, 8, 24, 72];
const HOUR = 3_600_000;
const PATIENCE_MS = 75_000; // the console itself gives up after a minute
const WIDTH = 1000;

export class WhatIf {
  constructor(root, page) {
    this.page = page;
    const { t } = page;
    this.limits = [];
    this.rule = make("select");
    this.rule.addEventListener("change", () => this.#chosen());
    this.bound = make("input");
    Object.assign(this.bound, { type: "number", step: "any", required: true });
    this.hours = make("select");
    this.hours.append(...HOURS.map((n) => new Option(t("last_hours", { n }), String(n), n === 8, n === 8)));
    this.go = button(t("try"), () => this.#try(), "button primary");
    this.now = make("p", "hint");
    this.form = make("div", "toolbar", field(t("limit"), this.rule, "whatif-rule"), field(t("tried"), this.bound, "whatif-bound"), field(t("span"), this.hours, "whatif-hours"), this.go);
    this.said = make("p", "empty");
    this.said.setAttribute("role", "status");
    this.result = make("div", "stack trial");
    root.classList.add("stack");
    root.append(make("p", "soft", t("whatif_hint")), make("div", "panel", this.form, this.now, this.said), this.result);
  }

  draw() {
    if (this.limits.length === 0 && !this.asking && live.picture.wards.size > 0) this.load();
  }

  // The limits of the chosen bed, or of the first of the ward.
  async load() {
    const { t } = this.page;
    const bed = this.page.beds()[0];
    this.form.hidden = !may("limits");
    if (!may("limits")) return say(this.said, t("may_not"));
    if (!bed) return;
    this.asking = true;
    try {
      const found = await get(`/api/v1/beds/${encodeURIComponent(bed.ward)}/${encodeURIComponent(bed.bed)}/limits`);
      this.limits = found.limits.filter((one) => one.settable);
      const before = this.rule.value;
      this.rule.replaceChildren(...this.limits.map((one) => new Option(`${one.rule} · ${one.message}`, one.rule)));
      if (this.limits.some((one) => one.rule === before)) this.rule.value = before;
      this.#chosen();
    } catch (refused) {
      say(this.said, refused.message);
    } finally {
      this.asking = false;
    }
  }

  #chosen() {
    const { t } = this.page;
    const limit = this.limits.find((one) => one.rule === this.rule.value);
    if (!limit) return;
    const now = converted(limit.unit, limit.value).toFixed(decimalsOf(limit.unit, limit.decimals));
    this.bound.value = now;
    say(this.now, t("in_force", { value: now, unit: unitName(limit.unit), side: t(limit.side === "low" ? "below" : "above") }));
  }

  async #try() {
    const { t } = this.page;
    const limit = this.limits.find((one) => one.rule === this.rule.value);
    const bed = this.page.beds()[0];
    if (!limit || !bed || !this.bound.reportValidity()) return;
    const to = Math.round(live.now());
    const body = { ward: bed.ward, rule: limit.rule, bound: entered(limit.unit, Number(this.bound.value)), from: String(to - Number(this.hours.value) * HOUR), to: String(to) };
    if (this.page.bed) body.bed = this.page.bed;
    this.go.disabled = true;
    this.result.replaceChildren();
    say(this.said, t("trying"));
    try {
      this.#show(await ask("POST", "/api/v1/whatif", body, PATIENCE_MS), limit);
    } catch (refused) {
      say(this.said, refused.message);
    } finally {
      this.go.disabled = false;
    }
  }

  #show(found, limit) {
    const { t } = this.page;
    const said = (value) => `${converted(limit.unit, value).toFixed(decimalsOf(limit.unit, limit.decimals))} ${unitName(limit.unit)}`.trim();
    say(this.said, t("outcome", { rule: found.rule, tried: said(found.bound), before: found.before, after: found.after }));
    const beds = [...found.beds].sort((one, other) => other.before.length + other.after.length - one.before.length - one.after.length);
    this.result.replaceChildren(...beds.map((bed) => this.#bed(bed, found, said)));
  }

  #bed(bed, found, said) {
    const { t } = this.page;
    const title = live.picture.wards.get(bed.ward)?.beds.find((one) => one.bed === bed.bed)?.title ?? bed.bed;
    const words = bed.records === 0 ? t("no_readings") : t("bed_outcome", { was: said(bed.was), before: bed.before.length, after: bed.after.length, gone: bed.only_before, fresh: bed.only_after });
    const node = make("section", "panel", make("h3", "", title), make("p", "", words));
    if (bed.before.length + bed.after.length > 0) node.append(this.#picture(bed, found), make("p", "soft small row spread", make("span", "", dateTime(found.start)), make("span", "", dateTime(found.end))));
    return node;
  }

  // Two lines of time, the alarms as they were above, as they would be below; the sentence above says the same.
  #picture(bed, { start, end }) {
    const { t } = this.page;
    const picture = shape("svg", { viewBox: `0 0 ${WIDTH} 64`, preserveAspectRatio: "none", role: "img", "aria-label": t("picture", { before: bed.before.length, after: bed.after.length }) });
    const x = (time) => (WIDTH * (Math.min(Math.max(time, start), end) - start)) / (end - start);
    [["before", bed.before, 8], ["after", bed.after, 36]].forEach(([side, alarms, top]) => {
      picture.append(shape("rect", { class: "track", x: 0, y: top, width: WIDTH, height: 20 }));
      for (const alarm of alarms) {
        const left = x(alarm.start);
        picture.append(shape("rect", { class: side, x: left, y: top, width: Math.max(2, x(alarm.end ?? end) - left), height: 20 }));
      }
    });
    return picture;
  }
}
