// The alarms of the bed as they stand: priority, words, who has seen it, and the button that says so.

import { act } from "./acknowledge.js";
import { keep, make, mark, say } from "./dom.js";
import { may } from "./bed-deeds.js";
import { translator } from "./language.js";
import { clockTime, minuteTime } from "./times.js";
import { SHAPES, STARS, alarmWords } from "./words.js";

const words = await translator("phrases");

export class Alarms {
  constructor(root, page) {
    this.root = root;
    this.page = page;
  }

  draw(bed) {
    this.root.hidden = bed.alarms.length === 0;
    keep(
      this.root,
      bed.alarms,
      (alarm) => alarm.id,
      () => this.#line(),
      (node, alarm) => this.#show(node, alarm),
    );
  }

  #line() {
    const shape = make("span", "shape");
    const button = make("button", "button small");
    button.type = "button";
    const node = make("div", "standing-alarm", shape, make("span", "words"), make("span", "state soft"), button);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await act(button.dataset.action, node.dataset.key);
      } finally {
        button.disabled = false;
      }
    });
    return node;
  }

  #show(node, alarm) {
    const { t } = this.page;
    const technical = alarm.kind === "technical";
    const [shape, text, state, button] = node.children;
    mark(node, "tone", technical ? "technical" : alarm.priority);
    mark(node, "state", alarm.state);
    say(shape, technical ? "⚙" : `${SHAPES[alarm.priority]} ${STARS[alarm.priority]}`);
    say(text, alarmWords(alarm));
    say(state, stateOf(alarm, t));
    const action = { active: "acknowledge", audio_paused: "acknowledge", latched: "reset" }[alarm.state];
    button.hidden = !action || !may("acknowledge");
    if (!action) return;
    mark(button, "action", action);
    say(button, t(action));
    button.setAttribute("aria-label", `${t(action)}: ${alarmWords(alarm)}`);
  }
}

function stateOf(alarm, t) {
  const parts = [t("since", { time: clockTime(alarm.raised) })];
  if (alarm.state !== "active") parts.push(words(alarm.state));
  if (alarm.acknowledged_by) parts.push(`√ ${alarm.acknowledged_by}${alarm.acknowledged_at ? ` ${minuteTime(alarm.acknowledged_at)}` : ""}`);
  if (alarm.until !== null) parts.push(t("until", { time: minuteTime(alarm.until) }));
  if (alarm.bedside) parts.push(t("at_bedside"));
  if (alarm.condition === null) parts.push(t("no_value_now"));
  return parts.join(" · ");
}
