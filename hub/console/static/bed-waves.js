// The waves of the bed, sweeping: one canvas, one socket, a lane for each channel that lives.

import { make, mark, say } from "./dom.js";
import { Sweep, Wave } from "./wave-sweep.js";

const RETRY_MS = 2000;
const LEAST_LANE = 76; // CSS pixels
const MOST_LANE = 124;
const NAMES = 62; // of the width, for the names of the waves
const ORDER = ["ecg_ii", "ecg", "pleth", "abp_w", "resp", "co2_w"];
const LABELS = { ecg_ii: "ECG II", ecg: "ECG", pleth: "Pleth", abp_w: "ABP", resp: "Resp", co2_w: "CO₂" };
const COLOURS = { ecg_ii: "hr", ecg: "hr", pleth: "spo2", resp: "rr", abp_w: "abp", co2_w: "co2" };

export class Waves {
  #waves = new Map(); // channel → Wave
  #shown = "";
  #lane = LEAST_LANE;

  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.canvas = make("canvas");
    this.canvas.setAttribute("role", "img");
    this.labels = make("div", "wave-labels");
    this.labels.setAttribute("aria-hidden", "true");
    root.append(this.canvas, this.labels);
    this.sweep = new Sweep(this.canvas, { seconds: 8 });
    this.#open();
    addEventListener("resize", () => this.#lay(true));
    addEventListener("theme", () => this.#lay(true));
    new MutationObserver(() => this.#lay(true)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  draw(bed) {
    this.silent = bed.silent;
    this.#lay();
  }

  #open() {
    const url = new URL(`/api/v1/beds/${this.page.place}/waves`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = ({ code }) => code < 4400 && setTimeout(() => this.#open(), RETRY_MS);
    addEventListener("pagehide", () => socket.close(), { once: true });
  }

  #take(frame) {
    if (!this.#waves.has(frame.channel)) this.#waves.set(frame.channel, new Wave());
    this.#waves.get(frame.channel).push(frame);
    if (!this.#shown.includes(frame.channel)) this.#lay();
  }

  // A lane for each channel that has something to show. What is silent is not drawn on.
  #lay(anew = false) {
    const living = this.silent ? [] : ORDER.filter((channel) => this.#waves.get(channel)?.alive());
    const room = this.root.nextElementSibling.clientHeight - 12; // as high as the numbers beside them
    const lane = living.length === 0 ? 0 : Math.max(LEAST_LANE, Math.min(MOST_LANE, Math.floor(room / living.length)));
    if (Math.abs(lane - this.#lane) > 3) anew = true;
    const shown = living.join(" ");
    if (shown === this.#shown && !anew) return;
    this.#shown = shown;
    this.root.hidden = living.length === 0;
    if (living.length === 0) {
      this.sweep.stop();
      return;
    }
    this.#lane = lane;
    this.canvas.style.height = `${lane * living.length}px`;
    this.canvas.setAttribute("aria-label", this.page.t("waves_of", { waves: living.map((channel) => LABELS[channel]).join(", ") }));
    this.labels.replaceChildren(...living.map((channel, number) => this.#label(channel, number)));
    const style = getComputedStyle(this.root);
    const width = this.canvas.clientWidth;
    this.sweep.lanes(living.map((channel, number) => ({ wave: this.#waves.get(channel), x: NAMES, y: number * lane, width: width - NAMES - 8, height: lane, colour: style.getPropertyValue(`--${COLOURS[channel]}`).trim() })));
    this.sweep.start();
  }

  #label(channel, number) {
    const label = make("span", "wave-label");
    say(label, LABELS[channel]);
    mark(label, "colour", COLOURS[channel]);
    label.style.setProperty("top", `${number * this.#lane + 4}px`);
    return label;
  }
}
