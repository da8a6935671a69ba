// A trend chart painted: wells, limits as they were, gaps, lines, scores, alarms, changes of patient and the cursor.

import { timeTicks } from "./trend-data.js";
import { clockTime, minuteTime } from "./times.js";

export const LEFT = 46; // CSS pixels, for the numbers of the scale
export const RIGHT = 12;
export const HEAD = 20; // of a lane, for its name
const LANE = 104;
const LANE_SMALL = 84;
const STRIP = 22; // above the lanes: alarms of no parameter, and changes of patient
const AXIS = 26;
const MARK = 5; // height of an alarm's bar
const SHAPES = { high: "▲", medium: "◆", low: "●" };
const DAY = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "2-digit" });
const NAMES = "well edge edge-strong ink soft faint grid band hr spo2 rr abp nibp co2 temp other high medium low technical-ink panel accent good warn stale".split(" ");

// One drawing of a chart: made anew for each, so that nothing of the last one is left.
export class Painting {
  constructor(chart, answer) {
    this.chart = chart;
    this.answer = answer;
    this.width = chart.clientWidth;
  }

  draw() {
    const { width } = this;
    const each = width < 600 ? LANE_SMALL : LANE;
    const scored = this.answer.scores.length > 0;
    let top = STRIP;
    for (const lane of this.chart.lanes) {
      Object.assign(lane, { top, height: each });
      top += each + 6;
    }
    const scores = scored ? { top, height: 62 } : null;
    const height = top + (scored ? 68 : 0) + AXIS;
    const bottom = height - AXIS;
    const pen = this.#pen(height);
    this.#wells(pen, scores);
    this.#times(pen, bottom);
    for (const lane of this.chart.lanes) this.#lane(pen, lane);
    if (scores) this.#scores(pen, scores);
    this.#alarms(pen);
    this.#stays(pen, bottom);
    if (this.chart.cursor !== null) this.#cursor(pen, bottom);
  }

  // The canvas, cleared, in the colours of the theme.
  #pen(height) {
    const { canvas } = this.chart;
    const ratio = devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(this.width * ratio), height: Math.round(height * ratio) });
    canvas.style.height = `${height}px`;
    const style = getComputedStyle(this.chart);
    this.colours = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.family = style.fontFamily;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, height);
    return pen;
  }

  #font(pen, size, weight = 400) {
    pen.font = `${weight} ${size}px ${this.family}`;
  }

  #wells(pen, scores) {
    pen.fillStyle = this.colours.well;
    for (const { top, height } of [...this.chart.lanes, ...(scores ? [scores] : [])]) pen.fillRect(LEFT, top, this.width - LEFT - RIGHT, height);
  }

  #times(pen, bottom) {
    const { from, to } = this.answer;
    const ticks = timeTicks(from, to, Math.max(3, (this.width - LEFT) / 90));
    pen.lineWidth = 1;
    this.#font(pen, 13);
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    for (const time of ticks) {
      const x = Math.round(this.chart.xOf(time)) + 0.5;
      pen.strokeStyle = this.colours.grid;
      line(pen, x, STRIP, x, bottom);
      pen.fillStyle = this.colours.soft;
      const midnight = new Date(time).getHours() === 0 && new Date(time).getMinutes() === 0;
      if (x > LEFT + 16 && x < this.width - 20) pen.fillText(midnight ? DAY.format(time) : minuteTime(time), x, bottom + 18);
    }
  }

  #lane(pen, lane) {
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, lane.top, this.width - LEFT - RIGHT, lane.height);
    pen.clip();
    this.#limits(pen, lane);
    for (const [number, one] of lane.lines.entries()) if (number === 0 || !lane.lines[0].aperiodic) this.#gaps(pen, lane, one, number === 0);
    for (const one of lane.lines) this.#line(pen, lane, one);
    pen.restore();
    this.#names(pen, lane);
  }

  // The band between the limits of each time, its edges, and the second tier as dots.
  #limits(pen, lane) {
    for (const one of lane.lines.slice(0, lane.id === "nibp" || lane.id === "abp" ? 3 : 1)) {
      for (const band of one.limits) {
        const [left, right] = [this.chart.xOf(band.start), this.chart.xOf(band.end)];
        const top = band.high === null ? lane.top : this.chart.yOf(lane, one, band.high);
        const bottom = band.low === null ? lane.top + lane.height : this.chart.yOf(lane, one, band.low);
        if (one === lane.lines[0] && (band.low !== null || band.high !== null)) {
          pen.fillStyle = this.colours.band;
          pen.fillRect(left, top, right - left, bottom - top);
        }
        pen.strokeStyle = this.colours[lane.colour];
        pen.globalAlpha = 0.55;
        pen.setLineDash([6, 4]);
        if (band.high !== null) line(pen, left, top, right, top);
        if (band.low !== null) line(pen, left, bottom, right, bottom);
        pen.setLineDash([1, 4]);
        for (const edge of [band.extreme_low, band.extreme_high]) {
          if (edge !== null) line(pen, left, this.chart.yOf(lane, one, edge), right, this.chart.yOf(lane, one, edge));
        }
        pen.setLineDash([]);
        pen.globalAlpha = 1;
      }
    }
  }

  // Hatched, with the reason where there is room: nothing was measured, and nothing is drawn over it.
  #gaps(pen, lane, one, named) {
    for (const gap of one.gaps) {
      const [left, right] = [this.chart.xOf(gap.start), this.chart.xOf(gap.end)];
      if (right - left < 1.5) continue;
      if (!named) continue;
      pen.save();
      pen.beginPath();
      pen.rect(left, lane.top, right - left, lane.height);
      pen.clip();
      pen.strokeStyle = this.colours.edge;
      pen.lineWidth = 1;
      pen.beginPath();
      for (let x = left - lane.height; x < right; x += 9) {
        pen.moveTo(x, lane.top + lane.height);
        pen.lineTo(x + lane.height, lane.top);
      }
      pen.stroke();
      this.#font(pen, 13);
      const text = this.chart.words.reason(gap.reason);
      const room = pen.measureText(text).width + 14;
      if (right - left > room) {
        const [x, y] = [(left + right) / 2, lane.top + lane.height / 2 + 6];
        pen.fillStyle = this.colours.well;
        pen.fillRect(x - room / 2, y - 11, room, 22);
        pen.fillStyle = this.colours.soft;
        pen.textAlign = "center";
        pen.textBaseline = "middle";
        pen.fillText(text, x, y);
      } else if (right - left > 20 && pen.measureText(text).width < lane.height - HEAD) {
        pen.translate((left + right) / 2, lane.top + HEAD + (lane.height - HEAD) / 2);
        pen.rotate(-Math.PI / 2);
        pen.fillStyle = this.colours.well;
        pen.fillRect(-room / 2, -9, room, 18);
        pen.fillStyle = this.colours.soft;
        pen.textAlign = "center";
        pen.textBaseline = "middle";
        pen.fillText(text, 0, 0);
      }
      pen.restore();
    }
  }

  #line(pen, lane, one) {
    const { step_ms: step } = this.answer;
    const wide = Math.max(1, this.chart.xOf(step) - this.chart.xOf(0));
    const second = one !== lane.lines[0] && !lane.id.endsWith("bp");
    const colour = this.colours[second ? "soft" : lane.colour];
    pen.fillStyle = colour;
    pen.strokeStyle = colour;
    if (one.aperiodic) {
      this.#points(pen, lane, one, wide);
    } else {
      const reach = 2 * step + 15_000;
      pen.lineWidth = second ? 1 : 1.5;
      if (second) pen.setLineDash([1, 3]);
      pen.beginPath();
      for (let at = 0; at < one.times.length; at += 1) {
        const x = this.chart.xOf(one.times[at]) + wide / 2;
        const y = this.chart.yOf(lane, one, one.mean[at]);
        const torn = at === 0 || one.times[at] - one.times[at - 1] > reach || this.#tears(one, one.times[at - 1], one.times[at]);
        if (torn) pen.moveTo(x, y);
        else pen.lineTo(x, y);
      }
      pen.stroke();
      pen.setLineDash([]);
      pen.globalAlpha = 0.5;
      for (let at = 0; at < one.times.length && !second; at += 1) {
        const top = this.chart.yOf(lane, one, one.high[at]);
        const bottom = this.chart.yOf(lane, one, one.low[at]);
        pen.fillRect(this.chart.xOf(one.times[at]), top - 0.75, wide, Math.max(1.5, bottom - top + 1.5));
      }
      pen.globalAlpha = 1;
    }
    pen.fillStyle = this.colours.warn;
    for (const time of one.late) pen.fillRect(this.chart.xOf(time), lane.top + lane.height - 3, Math.max(2, wide), 3);
  }

  #tears = (one, before, after) => one.gaps.some((gap) => gap.start < after && gap.end > before && gap.end - gap.start > this.answer.step_ms);

  // What is measured now and then: a dot each; of a pressure the three values of one measurement hang together.
  #points(pen, lane, one, wide) {
    const family = lane.lines.length > 1 && lane.id.endsWith("bp");
    for (let at = 0; at < one.times.length; at += 1) {
      const x = this.chart.xOf(one.times[at]) + Math.min(wide, 6) / 2;
      const y = this.chart.yOf(lane, one, one.mean[at]);
      pen.beginPath();
      if (family && one.parameter.endsWith("_sys")) {
        const other = lane.lines.find((line) => line.parameter.endsWith("_dia"));
        const match = other?.times.indexOf(one.times[at]) ?? -1;
        if (match >= 0) {
          pen.lineWidth = 1.5;
          line(pen, x, y, x, this.chart.yOf(lane, other, other.mean[match]));
        }
        pen.moveTo(x - 4.5, y - 4);
        pen.lineTo(x + 4.5, y - 4);
        pen.lineTo(x, y + 2);
      } else if (family && one.parameter.endsWith("_dia")) {
        pen.moveTo(x - 4.5, y + 4);
        pen.lineTo(x + 4.5, y + 4);
        pen.lineTo(x, y - 2);
      } else {
        pen.arc(x, y, family ? 2 : 3.2, 0, 2 * Math.PI);
      }
      pen.fill();
    }
  }

  #names(pen, lane) {
    const at = this.chart.atCursor().filter((one) => one.lane === lane);
    this.#font(pen, 12.5);
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillStyle = this.colours.faint;
    const { low, high, ticks } = lane.scale;
    for (const tick of ticks) {
      const y = lane.top + HEAD + (1 - (tick - low) / (high - low)) * (lane.height - HEAD - 8);
      if (y > lane.top + 6 && y < lane.top + lane.height - 2) pen.fillText(String(tick), LEFT - 6, y);
    }
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    const values = at.map(({ line: one, column }) => this.chart.textOf(one, column));
    const measured = lane.lines[0].aperiodic ? at.find(({ column }) => column?.time)?.column.time : undefined;
    const told = new Set(values).size === 1 && values.length > 1 ? values.slice(0, 1) : values;
    const text = at.length > 0 ? `${told.join(lane.id.endsWith("bp") ? " / " : " · ")}${measured ? ` (${minuteTime(measured)})` : ""}` : "";
    const head = `${lane.label}${text ? "  " : ""}`;
    this.#font(pen, 13.5, 700);
    const wide = pen.measureText(head).width + pen.measureText(text).width + 10 + (lane.unit ? 44 : 0);
    pen.globalAlpha = 0.85;
    pen.fillStyle = this.colours.well;
    pen.fillRect(LEFT + 2, lane.top + 2, wide, 18);
    pen.globalAlpha = 1;
    pen.fillStyle = this.colours[lane.colour];
    pen.fillText(head, LEFT + 6, lane.top + 16);
    let x = LEFT + 6 + pen.measureText(head).width;
    pen.fillStyle = this.colours.ink;
    pen.fillText(text, x, lane.top + 16);
    x += pen.measureText(text).width + 6;
    this.#font(pen, 12);
    pen.fillStyle = this.colours.soft;
    pen.fillText(lane.unit, x, lane.top + 16);
  }

  // The score over time: a number where it was known, nothing where it was incomplete.
  #scores(pen, { top, height }) {
    const { scores, to, from } = this.answer;
    const y = (total) => top + height - 8 - (Math.min(total, 15) / 15) * (height - 30);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, top, this.width - LEFT - RIGHT, height);
    pen.clip();
    for (const [at, score] of scores.entries()) {
      const [left, right] = [this.chart.xOf(Math.max(from, score.time)), this.chart.xOf(scores[at + 1]?.time ?? to)];
      if (!score.complete || score.total === null) {
        pen.fillStyle = this.colours.grid;
        pen.fillRect(left, top + height - 11, right - left, 3);
        this.#font(pen, 12);
        pen.fillStyle = this.colours.soft;
        pen.textAlign = "center";
        pen.textBaseline = "alphabetic";
        if (right - left > pen.measureText(this.chart.words.incomplete).width + 8) pen.fillText(this.chart.words.incomplete, (left + right) / 2, top + height - 16);
        continue;
      }
      pen.fillStyle = score.total >= 7 ? this.colours.high : score.total >= 5 ? this.colours.medium : this.colours.good;
      pen.fillRect(left, y(score.total), Math.max(1.5, right - left), top + height - 8 - y(score.total));
      this.#font(pen, 13, 700);
      pen.textAlign = "left";
      pen.textBaseline = "alphabetic";
      if (right - left > 16) {
        pen.fillStyle = this.colours.ink;
        pen.fillText(String(score.total), left + 3, y(score.total) - 3);
      }
    }
    // When staff entered something: what the score was made of then.
    pen.fillStyle = this.colours.accent;
    for (const { time } of this.answer.entered) pen.fillRect(this.chart.xOf(time) - 1, top + height - 5, 2, 5);
    pen.restore();
    this.#font(pen, 13.5, 700);
    pen.textAlign = "left";
    pen.fillStyle = this.colours.well;
    const at = this.chart.cursor === null ? null : scores.filter((score) => score.time <= this.chart.cursor).at(-1);
    const text = at ? `  ${at.total ?? this.chart.words.incomplete}` : "";
    pen.fillRect(LEFT + 2, top + 2, pen.measureText(this.chart.words.score + text).width + 8, 18);
    pen.fillStyle = this.colours.ink;
    pen.fillText(this.chart.words.score + text, LEFT + 6, top + 16);
  }

  // A bar from when an alarm was raised until it ended, on the lane of its parameter; others in the strip above.
  #alarms(pen) {
    for (const alarm of this.answer.alarms) {
      const lane = this.chart.lanes.find((one) => one.lines.some((each) => each.parameter === alarm.parameter));
      const technical = alarm.kind === "technical";
      const top = technical || !lane ? STRIP - MARK - 2 : lane.top + lane.height - MARK - 4;
      const left = Math.max(LEFT, this.chart.xOf(alarm.start));
      const right = Math.max(left + 3, this.chart.xOf(alarm.end ?? this.answer.to));
      pen.fillStyle = technical ? this.colours["technical-ink"] : this.colours[alarm.priority];
      pen.fillRect(left, top, right - left, MARK);
      pen.strokeStyle = this.colours.panel;
      pen.lineWidth = 1;
      pen.strokeRect(left - 0.5, top - 0.5, right - left + 1, MARK + 1);
      this.#font(pen, 12, 700);
      pen.textAlign = "center";
      pen.textBaseline = "alphabetic";
      pen.fillStyle = technical ? this.colours["technical-ink"] : this.colours.ink;
      pen.fillText(technical ? "⚙" : SHAPES[alarm.priority], left + 2, top - 2);
    }
  }

  // Where one patient gave way to another, and where nobody was known to lie here.
  #stays(pen, bottom) {
    const { from, to, stays } = this.answer;
    pen.strokeStyle = this.colours.accent;
    pen.fillStyle = this.colours.accent;
    pen.lineWidth = 2;
    this.#font(pen, 13, 700);
    pen.textBaseline = "alphabetic";
    for (const stay of stays) {
      for (const [time, text, side] of [[stay.start, `▸ ${stay.patient}`, "left"], [stay.end, `${stay.patient} ◂`, "right"]]) {
        if (time === null || time <= from || time >= to) continue;
        const x = Math.round(this.chart.xOf(time));
        line(pen, x, 2, x, bottom);
        pen.textAlign = side;
        pen.fillText(text, side === "left" ? x + 4 : x - 4, 12);
      }
    }
  }

  #cursor(pen, bottom) {
    const { step_ms: step } = this.answer;
    const x = Math.round(this.chart.xOf(this.chart.cursor) + Math.max(1, this.chart.xOf(step) - this.chart.xOf(0)) / 2) + 0.5;
    pen.strokeStyle = this.colours.ink;
    pen.lineWidth = 1;
    line(pen, x, STRIP - 6, x, bottom);
    const text = step < 60_000 ? clockTime(this.chart.cursor) : minuteTime(this.chart.cursor);
    this.#font(pen, 13, 700);
    const wide = pen.measureText(text).width + 12;
    const left = Math.min(Math.max(x - wide / 2, LEFT), this.width - wide - 2);
    pen.fillStyle = this.colours.ink;
    pen.fillRect(left, bottom + 4, wide, 20);
    pen.fillStyle = this.colours.panel;
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    pen.fillText(text, left + wide / 2, bottom + 19);
  }
}

function line(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}
