// The sound of a screen: its menu with a test for each priority, the banner while it is blocked, and what is paused.

import { button, make, mark, say } from "./dom.js";
import { translator } from "./language.js";
import { live } from "./live.js";
import { remember, remembered } from "./memory.js";
import { closing } from "./shell-choices.js";
import { Sound, wanted } from "./sound.js";
import { minuteTime } from "./times.js";

const t = await translator("shell");

const CLICK_MS = 400; // after a finger is lifted its click has come

export class SoundPart {
  #sound = new Sound();
  #pressed = 0; // the banner stays meanwhile: gone, it would move what the finger is on, and the click would miss

  // `loud`: pages that show live beds sound unless told otherwise; the others only when told to.
  constructor(shell, loud) {
    this.shell = shell;
    const said = remembered("sound");
    this.#sound.on = said ? said === "on" : loud;
    this.#sound.volume = Number(remembered("volume") || 0.7);
    this.icon = make("span", "icon bell");
    this.paused = make("span", "paused-until");
    const summary = make("summary", "button quiet", this.icon, this.paused);
    this.summary = summary;
    this.switch = button("", () => this.#turn(!this.#sound.on), "button");
    const tests = ["high", "medium", "low"].map((name) => button(t(`sound_${name}`), () => this.#sound.play(name), "button small"));
    const volume = Object.assign(make("input"), { type: "range", min: "0.1", max: "1", step: "0.1", value: this.#sound.volume });
    volume.addEventListener("change", () => {
      this.#sound.volume = Number(volume.value);
      remember("volume", volume.value);
    });
    const trial = make("fieldset", "", make("legend", "", t("sound_test")), make("div", "row", ...tests));
    this.menu = closing(make("details", "menu sound", summary, make("div", "menu-body", this.switch, make("label", "field", make("span", "", t("volume")), volume), trial)));
    this.banner = button("", () => this.#sound.allow(), "blocked");
    this.banner.id = "blocked";
    this.banner.hidden = true;
    addEventListener("sound", () => this.draw());
    addEventListener("pointerdown", () => this.#press(Infinity), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => this.#press(performance.now() + CLICK_MS), { capture: true });
    if (shell.getAttribute("page") === "tv") this.#sound.allow(); // nobody touches a wall; its browser is told to let it
    this.draw();
  }

  draw() {
    const { ward } = this.shell;
    const wards = [...live.picture.wards.values()].filter((one) => ward === null || one.ward === ward);
    const beds = wards.flatMap((one) => one.beds);
    const equipment = ward === null ? live.picture.equipment : live.picture.equipmentOf(ward);
    const silent = live.silence(ward) !== null;
    this.#sound.call(silent ? "technical" : wanted(beds, equipment), performance.now());
    const { state } = this.#sound;
    mark(this.menu, "state", state);
    const words = { off: t("sound_off"), blocked: t("sound_blocked"), ready: t("sound_on") }[state];
    this.icon.className = state === "ready" ? "icon bell" : "icon bell-off";
    if (this.summary.title !== words) {
      this.summary.title = words;
      this.summary.setAttribute("aria-label", `${t("sound")}: ${words}`);
    }
    say(this.switch, t(this.#sound.on ? "turn_off" : "turn_on"));
    this.#drawBanner(state, words);
    this.#drawPaused(beds);
  }

  #drawBanner(state, words) {
    if (performance.now() < this.#pressed) return;
    say(this.banner, words);
    this.banner.hidden = state !== "blocked";
  }

  #press(until) {
    this.#pressed = until;
    if (until < Infinity) setTimeout(() => this.draw(), CLICK_MS);
  }

  // Silenced by somebody for a while: said beside the bell, until the last one sounds again.
  #drawPaused(beds) {
    const ends = beds.flatMap((bed) => bed.alarms.filter((alarm) => alarm.state === "audio_paused").map((alarm) => alarm.until));
    this.paused.hidden = ends.length === 0;
    if (ends.length > 0) say(this.paused, t("paused_until", { time: minuteTime(Math.max(...ends)) }));
  }

  #turn(on) {
    this.#sound.on = on;
    remember("sound", on ? "on" : "off");
    this.#sound.allow();
    this.draw();
  }
}
