// One alarm on one line: shape, stars, words, who has seen it, and the button that says so.

import { act, mayAct } from "./acknowledge.js";
import { make, mark, say } from "./dom.js";
import { translator } from "./language.js";
import { minuteTime } from "./times.js";
import { SHAPES, STARS, alarmWords } from "./words.js";

const t = await translator("words");
const deeds = await translator("board");
const SILENCED = new Set(["audio_paused", "alarms_paused"]);

export class AlarmLine extends HTMLElement {
  #alarm = null;
  #place = "";
  #built = false;

  show(alarm, place) {
    if (!this.#built) this.#build();
    this.#alarm = alarm;
    this.#place = place;
    const technical = alarm.kind === "technical";
    mark(this, "kind", alarm.kind);
    mark(this, "priority", technical ? "" : alarm.priority);
    mark(this, "state", alarm.state);
    mark(this, "rule", alarm.rule);
    this.icon.hidden = !technical;
    this.bell.hidden = !SILENCED.has(alarm.state);
    say(this.shape, technical ? "" : `${SHAPES[alarm.priority]} ${STARS[alarm.priority]}`);
    say(this.words, alarmWords(alarm));
    say(this.note, note(alarm));
    this.note.hidden = this.note.textContent === "";
    this.#button();
    this.#together();
  }

  #build() {
    this.#built = true;
    this.icon = make("span", "icon technical");
    this.icon.setAttribute("role", "img");
    this.icon.setAttribute("aria-label", t("technical_alarm"));
    this.bell = make("span", "icon bell-off");
    this.bell.setAttribute("role", "img");
    this.bell.setAttribute("aria-label", t("sound_off"));
    this.shape = make("span", "shape");
    this.shape.dir = "ltr";
    this.words = make("span", "words");
    this.note = make("span", "note");
    this.button = make("button", "do");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.#act());
    this.append(this.icon, this.shape, this.bell, make("span", "text", this.words, this.note), this.button);
    this.setAttribute("role", "group");
  }

  #button() {
    const { state } = this.#alarm;
    const action = { active: "acknowledge", audio_paused: "acknowledge", latched: "reset" }[state];
    this.button.hidden = !action || !mayAct();
    if (!action || this.button.disabled) return;
    say(this.button, deeds(action));
    mark(this.button, "brief", deeds(action === "reset" ? "reset_short" : "ack_short"));
    const label = deeds(`${action}_what`, { what: `${this.#place}, ${alarmWords(this.#alarm)}` });
    if (this.button.getAttribute("aria-label") !== label) this.button.setAttribute("aria-label", label);
    mark(this.button, "action", action);
  }

  async #act() {
    const action = this.button.dataset.action;
    this.button.disabled = true;
    say(this.button, "…");
    try {
      await act(action, this.#alarm.id);
    } finally {
      this.button.disabled = false;
      this.#button();
    }
  }

  // All lines flash in step: a wall of unsteady lights is no information.
  #together() {
    const { state } = this.#alarm;
    if (this.flashing === state) return;
    this.flashing = state;
    requestAnimationFrame(() => inStep(this));
  }
}

export function inStep(node) {
  for (const animation of node.getAnimations()) animation.startTime = 0;
}

function note(alarm) {
  const parts = [];
  const seen = alarm.acknowledged_by ? `√ ${alarm.acknowledged_by}` : "√";
  if (alarm.state === "acknowledged") {
    parts.push(alarm.acknowledged_at === null ? seen : `${seen} ${minuteTime(alarm.acknowledged_at)}`);
  }
  if (alarm.state === "audio_paused") parts.push(until(alarm, "sound_off"));
  if (alarm.state === "alarms_paused") parts.push(until(alarm, "paused"));
  if (alarm.bedside) parts.push(t("at_bed"));
  if (alarm.state === "latched") {
    if (alarm.acknowledged_by) parts.push(seen);
    parts.push(t("was_active", { time: minuteTime(alarm.raised) }));
  } else if (alarm.condition === null) {
    parts.push(t("no_value_now"));
  }
  return parts.join(" · ");
}

function until(alarm, what) {
  const words = alarm.until === null ? t(what) : t(`${what}_until`, { time: minuteTime(alarm.until) });
  return alarm.paused_by ? `${words} · ${alarm.paused_by}` : words;
}

customElements.define("alarm-line", AlarmLine);
