// The trend chart: lanes on one canvas with limits as they were, gaps as gaps, alarms, changes of patient, and a cursor.
//
//   chart.show(answer)  what /api/v1/beds/…/trends said; the cursor moves by mouse, touch and keyboard and tells
//   "cursor" events with {time}. chart.words = {no_data, reason(code), …} comes from the page.

import { mark } from "./dom.js";
import { columnText, lanesOf, lastAt, scaleOf, toScale, valueAt } from "./trend-data.js";
import { HEAD, LEFT, Painting, RIGHT } from "./trend-paint.js";
import { shortTime } from "./times.js";

const LEAST_WIDTH = 60;

export class TrendChart extends HTMLElement {
  words = { no_data: "no data", reason: (code) => code, incomplete: "incomplete", nobody: "", score: "NEWS2" };
  cursor = null; // a time, null while there is none
  lanes = [];
  #answer = null;
  #built = false;

  connectedCallback() {
    if (this.#built) return;
    this.#built = true;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    this.append(this.canvas);
    this.tabIndex = 0;
    this.setAttribute("role", "slider");
    this.setAttribute("aria-valuemin", "0");
    this.setAttribute("aria-valuemax", "0");
    this.setAttribute("aria-valuenow", "0");
    this.addEventListener("pointermove", (event) => this.#point(event));
    this.addEventListener("pointerdown", (event) => this.#point(event));
    this.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && document.activeElement !== this && this.moveTo(null));
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("focus", () => this.cursor === null && this.#answer && this.moveTo(this.#last()));
    new ResizeObserver(() => this.draw()).observe(this);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  show(answer) {
    this.#answer = answer;
    this.lanes = lanesOf(answer).map((lane) => ({ ...lane, scale: scaleOf(lane) }));
    if (this.cursor !== null && (this.cursor < answer.from || this.cursor >= answer.to)) this.cursor = null;
    this.setAttribute("aria-valuemax", String(Math.ceil((answer.to - answer.from) / answer.step_ms) - 1));
    mark(this, "ready", "yes");
    this.draw();
    this.#say();
  }

  // The place of a time on the canvas, in CSS pixels; and the time at a place.
  xOf(time) {
    const { from, to } = this.#answer;
    return LEFT + ((time - from) / (to - from)) * (this.#width() - LEFT - RIGHT);
  }

  timeAt(x) {
    const { from, to, step_ms: step } = this.#answer;
    const part = Math.min(1, Math.max(0, (x - LEFT) / (this.#width() - LEFT - RIGHT)));
    return this.#snapped(Math.min(to - 1, from + part * (to - from)), from, step);
  }

  // The place of a value in a lane, in CSS pixels from the top.
  yOf(lane, line, value) {
    const { low, high } = lane.scale;
    const part = (toScale(line, value) - low) / (high - low);
    return lane.top + HEAD + (1 - part) * (lane.height - HEAD - 8);
  }

  moveTo(time) {
    if (time === this.cursor) return;
    this.cursor = time;
    this.draw();
    this.#say();
    this.dispatchEvent(new CustomEvent("cursor", { detail: { time } }));
  }

  // Columns of every lane at the cursor: [{lane, line, column}].
  atCursor() {
    if (this.cursor === null || !this.#answer) return [];
    return this.lanes.flatMap((lane) => lane.lines.map((line) => ({ lane, line, column: valueAt(line, this.cursor, this.#answer.step_ms) ?? lastAt(line, this.cursor) })));
  }

  // Moving about.

  #width = () => this.clientWidth;
  #snapped = (time, from, step) => from + Math.floor((time - from) / step) * step;
  #last = () => this.#snapped(this.#answer.to - 1, this.#answer.from, this.#answer.step_ms);

  #point(event) {
    if (this.#answer) this.moveTo(this.timeAt(event.clientX - this.getBoundingClientRect().left));
  }

  #key(event) {
    if (!this.#answer) return;
    const { from, step_ms: step } = this.#answer;
    const now = this.cursor ?? this.#last();
    const places = { ArrowLeft: now - step, ArrowRight: now + step, PageUp: now - 10 * step, PageDown: now + 10 * step, Home: from, End: this.#last() };
    if (event.key === "Escape") this.moveTo(null);
    else if (event.key in places) this.moveTo(Math.min(this.#last(), Math.max(from, places[event.key])));
    else return;
    event.preventDefault();
  }

  // What a screen reader says of the place of the cursor.
  #say() {
    if (!this.#answer) return;
    const { from, step_ms: step } = this.#answer;
    const time = this.cursor ?? this.#last();
    this.setAttribute("aria-valuenow", String(Math.floor((time - from) / step)));
    const parts = this.atCursor().map(({ line, column }) => `${line.label} ${this.textOf(line, column)}`);
    this.setAttribute("aria-valuetext", [shortTime(time), ...parts].join(", "));
  }

  textOf(line, column) {
    if (column === null) return "–";
    return column.gap === undefined ? columnText(line, column) : this.words.reason(column.gap);
  }

  draw() {
    if (this.#answer && this.clientWidth >= LEAST_WIDTH) new Painting(this, this.#answer).draw();
  }
}

customElements.define("trend-chart", TrendChart);
