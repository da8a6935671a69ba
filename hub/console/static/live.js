// The live picture that all parts of a page share: one stream, one picture, a redraw on news and twice a second.

import { Picture, SILENT_MS } from "./picture.js";
import { Stream } from "./stream.js";
import { learn } from "./units.js";

const TICK_MS = 500;
const DRAWN_MS = 400; // ago: recent enough for a tick
const SLEPT_MS = 3000; // the wall clock ran on while ours stood still: the machine slept
const LOST_MS = 2500; // without a beat, which comes each second

class Live extends EventTarget {
  picture = new Picture();
  started = performance.now();
  #stream = null;
  #drawn = -Infinity;
  #lag = Date.now() - performance.now();

  // Opens the stream, once. Listeners of "message" get each message in `detail`; "draw" asks all to show the present.
  start() {
    if (this.#stream) return;
    this.#stream = new Stream((message, at) => this.#take(message, at));
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener("visibilitychange", () => this.#tick());
    addEventListener("resize", () => this.draw());
  }

  draw() {
    this.#drawn = performance.now();
    this.dispatchEvent(new Event("draw"));
  }

  // The time by the clock of the console: that of this device may be wrong.
  now() {
    return this.picture.time(performance.now());
  }

  // When the wards, or one of them, were last heard of, by performance.now(); null: never.
  heardAt(ward = null) {
    const wards = ward === null ? [...this.picture.wards.values()] : [this.picture.wards.get(ward)].filter(Boolean);
    if (wards.length === 0 || wards.some((one) => one.heardAt === null)) return null;
    return Math.min(...wards.map((one) => one.heardAt));
  }

  // {since, cause} while nothing on the screen is the present, else null. `since` is wall time; `cause` is
  // "console", "broker", "hub" or "beginning".
  silence(ward = null, now = performance.now()) {
    const heardAt = this.heardAt(ward);
    const since = heardAt ?? this.started;
    if (now - since <= SILENT_MS) return null;
    return { since: this.picture.time(now) - (now - since), cause: this.#cause(now, heardAt) };
  }

  #cause(now, heardAt) {
    const spoken = this.#stream?.heardAt ?? null;
    if (spoken === null || now - spoken > LOST_MS) return "console";
    if (!this.picture.broker) return "broker";
    return heardAt === null ? "beginning" : "hub";
  }

  #take(message, at) {
    const before = this.picture.version;
    this.picture.take(message, at);
    if (before !== null && this.picture.version !== before) {
      location.reload(); // the console was renewed; so is its page
      return;
    }
    if (message.type === "whole") learn(message.parameters);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
    this.draw();
  }

  #tick() {
    const lag = Date.now() - performance.now();
    if (lag - this.#lag > SLEPT_MS) {
      this.picture.slept(lag - this.#lag);
      this.#stream.again();
    }
    this.#lag = lag;
    if (performance.now() - this.#drawn > DRAWN_MS) this.draw();
  }
}

export const live = new Live();
