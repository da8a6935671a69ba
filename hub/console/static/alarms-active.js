// The alarms that stand now, bed by bed, the most urgent bed first; and the alarms of equipment at no bed.

import { Alarms } from "./bed-alarms.js";
import { askAndDo, may, send } from "./bed-deeds.js";
import { attribute, button, keep, make, say } from "./dom.js";
import { translator } from "./language.js";
import { live } from "./live.js";
import { tell } from "./shell.js";
import { clockTime } from "./times.js";

const bedWords = await translator("bed");

const RANK = { high: 0, medium: 1, low: 2 };
const MINUTES = [2, 5, 10, 15, 30];

export class Active {
  constructor(root, page) {
    this.page = page;
    this.empty = make("p", "panel empty");
    this.list = make("div", "stack");
    root.append(this.empty, this.list);
  }

  load() {}

  draw() {
    const { t } = this.page;
    const places = this.page.beds().filter((bed) => bed.alarms.length > 0 || bed.pause);
    places.sort((one, other) => urgency(one) - urgency(other) || one.title.localeCompare(other.title));
    const equipment = this.page.bed ? [] : this.page.ward ? live.picture.equipmentOf(this.page.ward) : live.picture.equipment;
    if (equipment.length > 0) places.push({ ward: "", bed: "", title: t("equipment"), alarms: equipment, pause: null });
    const silent = live.silence(this.page.ward || null);
    say(this.empty, silent ? t("unknown_now", { time: clockTime(silent.since) }) : t("no_alarms"));
    this.empty.hidden = places.length > 0 && !silent;
    keep(this.list, places, (one) => `${one.ward}/${one.bed}`, (one) => this.#place(one), (node, one) => this.#show(node, one));
  }

  #place(one) {
    const { t } = this.page;
    const name = make(one.bed ? "a" : "b", "", one.title);
    if (one.bed) name.href = `/bed/${encodeURIComponent(one.ward)}/${encodeURIComponent(one.bed)}`;
    const pauses = make("div", "row");
    if (one.bed && may("pause")) {
      const path = `/api/v1/beds/${encodeURIComponent(one.ward)}/${encodeURIComponent(one.bed)}`;
      pauses.append(
        button(bedWords("pause_audio"), () => this.#deed(() => send(`${path}/pause-audio`)), "button small"),
        button(bedWords("pause_alarms"), () => this.#pause(path), "button small"),
        button(bedWords("resume_alarms"), () => this.#deed(() => send(`${path}/resume-alarms`)), "button small"),
      );
      for (const deed of pauses.children) deed.setAttribute("aria-label", `${deed.textContent}: ${one.title}`);
    }
    const lines = make("div", "stack lines");
    const node = make("section", "panel alarms-of", make("div", "row spread", make("h3", "", name, make("span", "soft small")), pauses), make("p", "wrong"), lines);
    attribute(node, "aria-label", one.title);
    node.alarms = new Alarms(lines, { t: bedWords });
    say(node.querySelector("h3 .soft"), one.wardTitle && !this.page.ward ? ` ${one.wardTitle}` : "");
    attribute(node, "data-equipment", one.bed ? null : t("equipment"));
    return node;
  }

  #show(node, one) {
    node.alarms.draw(one);
    const paused = node.querySelector(".wrong");
    const left = one.pause ? `${Math.max(1, Math.round((one.pause.until - live.now()) / 60000))} min` : "";
    say(paused, one.pause ? bedWords("alarms_paused", { until: clockTime(one.pause.until), by: one.pause.by, left }) : "");
    paused.hidden = !one.pause;
    const [sound, alarms, resume] = node.querySelectorAll(".row .row button");
    if (!resume) return;
    sound.hidden = !one.alarms.some((alarm) => alarm.state === "active");
    alarms.hidden = Boolean(one.pause);
    resume.hidden = !one.pause;
  }

  #pause(path) {
    const fields = [
      { name: "minutes", label: bedWords("how_long"), options: MINUTES.map((n) => [String(n), bedWords("for_minutes", { n })]), value: "2" },
      { name: "reason", label: bedWords("reason"), required: true, attributes: { maxlength: 200 } },
    ];
    const question = { title: bedWords("pause_alarms"), text: bedWords("pause_means"), fields, yes: bedWords("pause_alarms") };
    return askAndDo(question, ({ minutes, reason }) => send(`${path}/pause-alarms`, { for_ms: Number(minutes) * 60_000, reason }));
  }

  async #deed(deed) {
    try {
      await deed();
    } catch (refused) {
      tell(refused.message);
    }
  }
}

function urgency(bed) {
  const ranks = bed.alarms.map((alarm) => (alarm.kind === "technical" ? 6 : RANK[alarm.priority] * 2 + (alarm.state === "active" ? 0 : 1)));
  return Math.min(9, ...ranks);
}
