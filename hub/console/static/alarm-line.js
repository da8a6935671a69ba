// One alarm on one line: shape, stars, words, who has seen it, and the button that says so.

import { act } from "./acknowledge.js";
import { make, mark, say } from "./dom.js";
import { minuteTime } from "./times.js";
import { SHAPES, STARS, alarmWords } from "./words.js";

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
    say(this.shape, technical ? "" : `${SHAPES[alarm.priority]} ${STARS[alarm.priority]}`);
    say(this.words, alarmWords(alarm));
    say(this.note, note(alarm));
    this.note.hidden = this.note.textContent === "";
    this.#button();
    this.#together();
  }

  #build() {
    this.#built = true;
    this.icon = make("img", "technical");
    this.icon.src = "/static/technical.svg";
    this.icon.alt = "technical alarm";
    this.shape = make("span", "shape");
    this.words = make("span", "words");
    this.note = make("span", "note");
    this.button = make("button", "do");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.#act());
    this.append(this.icon, this.shape, make("span", "text", this.words, this.note), this.button);
    this.setAttribute("role", "group");
  }

  #button() {
    const { state } = this.#alarm;
    const action = { active: "acknowledge", audio_paused: "acknowledge", latched: "reset" }[state];
    this.button.hidden = !action;
    if (!action || this.button.disabled) return;
    const name = action === "reset" ? "Reset" : "Acknowledge";
    say(this.button, name);
    this.button.setAttribute("aria-label", `${name}: ${this.#place}, ${alarmWords(this.#alarm)}`);
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
  if (alarm.state === "acknowledged") {
    const when = alarm.acknowledged_at === null ? "" : ` ${minuteTime(alarm.acknowledged_at)}`;
    parts.push(`√ ${alarm.acknowledged_by}${when}`);
  }
  if (alarm.state === "audio_paused") parts.push(`sound off ${until(alarm)}`);
  if (alarm.state === "alarms_paused") parts.push(`paused ${until(alarm)}`);
  if (alarm.bedside) parts.push("first raised at the bed");
  if (alarm.state === "latched") {
    const who = alarm.acknowledged_by ? `√ ${alarm.acknowledged_by} · ` : "";
    parts.push(`${who}was active ${minuteTime(alarm.raised)}`);
  } else if (alarm.condition === null) {
    parts.push("no value now");
  }
  return parts.join(" · ");
}

function until(alarm) {
  const end = alarm.until === null ? "" : `until ${minuteTime(alarm.until)}`;
  return [end, alarm.paused_by && `· ${alarm.paused_by}`].filter(Boolean).join(" ");
}

customElements.define("alarm-line", AlarmLine);
