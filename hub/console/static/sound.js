// Alarm sound: bursts after the manner of IEC 60601-1-8, one for the most urgent alarm that nobody has answered.
// Decides nothing about alarms: what is acknowledged, paused or latched is silent because the hub says so.

const QUIET_MS = 400;

// Pulses of a burst as [begin, length] in seconds, and the pause until the burst comes again.
const train = (count, length, gap, begin = 0) => Array.from({ length: count }, (_, i) => [begin + i * (length + gap), length]);
const five = (begin) => [...train(3, 0.15, 0.1, begin), ...train(2, 0.15, 0.1, begin + 0.95)];
export const BURSTS = {
  high: { pulses: [...five(0), ...five(2.1)], every_s: 8, pitch: 587 }, // 3 + 2, twice
  medium: { pulses: train(3, 0.2, 0.2), every_s: 12, pitch: 494 },
  low: { pulses: train(2, 0.22, 0.25), every_s: 30, pitch: 392 },
  technical: { pulses: train(1, 0.25, 0), every_s: 30, pitch: 330 },
};
const RANK = ["high", "medium", "low", "technical"];
const HARMONICS = [0, 1, 0.8, 0.6, 0.5, 0.35]; // five peaks within 10 dB, below 4 kHz

// Which burst these beds and this equipment ask for; null: none.
export function wanted(beds, equipment) {
  const calling = beds.filter((bed) => !bed.pause).flatMap((bed) => bed.alarms);
  const asked = new Set();
  for (const alarm of [...calling, ...equipment]) {
    if (alarm.state === "active") asked.add(alarm.kind === "technical" ? "technical" : alarm.priority);
  }
  return RANK.find((name) => asked.has(name)) ?? null;
}

export class Sound {
  #context = null;
  #tone = null;
  #last = -Infinity;
  #sounded = null;
  on = true;
  volume = 0.7;

  constructor() {
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => this.allow(), { capture: true });
  }

  // "off", "blocked" until somebody touches the page, or "ready".
  get state() {
    if (!this.on) return "off";
    return this.#context?.state === "running" ? "ready" : "blocked";
  }

  // Browsers let a page sound only after a touch; a kiosk may be told to let it at once.
  allow() {
    if (!this.on || this.state === "ready") return;
    this.#context ??= new AudioContext();
    this.#context.onstatechange = () => dispatchEvent(new Event("sound"));
    this.#context.resume().catch(() => null);
  }

  // Sounds what is `asked` now, and again when its pause is over; something more urgent does not wait.
  call(asked, now) {
    if (asked === null || this.state !== "ready") {
      this.#sounded = asked === null ? null : this.#sounded;
      return;
    }
    const sooner = this.#sounded === null || RANK.indexOf(asked) < RANK.indexOf(this.#sounded);
    const burst = BURSTS[asked];
    if (!(sooner && now - this.#last > QUIET_MS) && now - this.#last < burst.every_s * 1000) return;
    this.#last = now;
    this.#sounded = asked;
    this.play(asked);
  }

  // One burst; for the test, too.
  play(name) {
    this.allow();
    if (!this.#context) return;
    const { pulses, pitch } = BURSTS[name];
    const start = this.#context.currentTime + 0.05;
    this.#tone ??= this.#context.createPeriodicWave(new Float32Array(HARMONICS.length), new Float32Array(HARMONICS));
    for (const [begin, length] of pulses) this.#pulse(start + begin, length, pitch);
  }

  #pulse(begin, length, pitch) {
    const source = this.#context.createOscillator();
    const gain = this.#context.createGain();
    source.setPeriodicWave(this.#tone);
    source.frequency.value = pitch;
    gain.gain.setValueAtTime(0, begin);
    gain.gain.linearRampToValueAtTime(this.volume, begin + length * 0.15);
    gain.gain.setValueAtTime(this.volume, begin + length * 0.8);
    gain.gain.linearRampToValueAtTime(0, begin + length);
    source.connect(gain).connect(this.#context.destination);
    source.start(begin);
    source.stop(begin + length + 0.02);
  }
}
