// Live waves: frames of samples in, traces that sweep over a canvas out. Gaps stay gaps.
//
//   const sweep = new Sweep(canvas, { seconds: 6 });
//   const wave = new Wave();                     // one per channel
//   wave.push({ time, rate_hz, unit, values });  // null where there is no sample
//   sweep.lanes([{ wave, x, y, width, height, colour }]);
//   sweep.start();

const KEPT_S = 10; // of samples; what is older is history, which a live trace is not
const LEAST_DELAY_MS = 1000; // behind the present, so that a frame that comes a little late is still in time
const MOST_DELAY_MS = 4000;
const SLACK_MS = 600; // beside the length of a frame: the way through broker, console and browser
const JOINED_MS = 120; // frames that nearly meet do meet: clocks round
const STRANGE_MS = 1500; // later than usual by more than this is not drawn where it is too late to see
const LATE_FRAMES = 3; // so many in a row are the new usual
const ERASED_PX = 12;
const RANGED_MS = 1000;
const MARGIN = 0.12; // of the height, above and below

// The least span that fills a lane, by unit: a flat line is not blown up to waves.
const LEAST_SPAN = { mV: 1.2, "mm[Hg]": 50, mmHg: 50, Ohm: 0.2, raw: 8, 1: 1 };

// A ring of samples of one channel, by the clock of this page.
export class Wave {
  #samples = new Float32Array(0);
  #rate = 0;
  #shift = null; // from the sender's clock to performance.now()
  #late = 0;
  #end = -1; // number of the newest sample; numbers count from the page's beginning, at #rate
  #ranged = -Infinity;
  #delay = LEAST_DELAY_MS;
  low = 0;
  high = 1;
  version = 0; // grows when what was drawn is no longer right

  get rate() {
    return this.#rate;
  }

  // A frame: {time, rate_hz, unit, values}, or {samples, scale, offset} in place of values (-32768: none).
  push(frame, now = performance.now()) {
    const size = (frame.values ?? frame.samples).length;
    if (frame.rate_hz !== this.#rate) this.#begin(frame.rate_hz);
    this.#wait((size * 1000) / frame.rate_hz);
    const late = now - (frame.time + (size * 1000) / frame.rate_hz);
    this.#learn(late);
    let first = Math.round(((frame.time + this.#shift) * this.#rate) / 1000);
    const joint = this.#end + 1;
    if (this.#end >= 0 && Math.abs(first - joint) <= (JOINED_MS * this.#rate) / 1000) first = joint;
    const length = this.#samples.length;
    const skipped = Math.max(0, joint - first, size - length); // late or said twice, or more than is kept
    if (skipped >= size || first < 0) return;
    for (let i = Math.max(joint, first - length); i < first; i += 1) this.#samples[i % length] = NaN;
    for (let i = skipped; i < size; i += 1) this.#samples[(first + i) % length] = sample(frame, i);
    this.#end = first + size - 1;
    this.unit = frame.unit;
    if (now - this.#ranged > RANGED_MS) this.#range(now);
  }

  // The value of sample `number`; NaN where there is none.
  at(number) {
    const length = this.#samples.length;
    return number > this.#end || number <= this.#end - length || number < 0 ? NaN : this.#samples[number % length];
  }

  // The number of the sample shown at `now`.
  head(now) {
    return Math.floor(((now - this.#delay) * this.#rate) / 1000);
  }

  // Whether there is anything to see yet, or still.
  alive(now = performance.now()) {
    return this.#end >= 0 && this.head(now) - this.#end < KEPT_S * this.#rate;
  }

  // Frames are shown whole only when the trace runs later than they are long.
  #wait(frame) {
    const wanted = Math.min(MOST_DELAY_MS, Math.max(LEAST_DELAY_MS, frame * 1.1 + SLACK_MS));
    if (wanted <= this.#delay) return;
    this.#delay = wanted;
    this.version += 1;
  }

  #begin(rate) {
    this.#rate = rate;
    this.#samples = new Float32Array(Math.ceil(rate * KEPT_S)).fill(NaN);
    this.#end = -1;
    this.#shift = null;
    this.version += 1;
  }

  // The clock of a gateway is its own: the frame that came soonest says how far it is from ours.
  #learn(late) {
    if (this.#shift === null || late < this.#shift - STRANGE_MS) this.#anew(late);
    else if (late < this.#shift) this.#shift -= Math.min(this.#shift - late, 2);
    this.#late = late > this.#shift + STRANGE_MS ? this.#late + 1 : 0;
    if (this.#late >= LATE_FRAMES) this.#anew(late);
  }

  #anew(late) {
    if (this.#shift !== null) {
      this.#samples.fill(NaN);
      this.#end = -1;
      this.version += 1;
    }
    this.#shift = late;
    this.#late = 0;
  }

  // The span of what is kept, taken on slowly enough not to flutter.
  #range(now) {
    this.#ranged = now;
    let low = Infinity;
    let high = -Infinity;
    for (const value of this.#samples) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low > high) return;
    const lacking = ((LEAST_SPAN[this.unit] ?? 0.001) - (high - low)) / 2;
    if (lacking > 0) [low, high] = [low - lacking, high + lacking];
    const span = high - low;
    const off = Math.max(Math.abs(low - this.low), Math.abs(high - this.high)) / span;
    if (off < 0.15) return;
    [this.low, this.high] = [low, high];
    this.version += 1;
  }
}

function sample(frame, i) {
  if (frame.values) return frame.values[i] ?? NaN;
  const raw = frame.samples[i];
  return raw === -32768 ? NaN : raw * frame.scale + frame.offset;
}

// Draws lanes on one canvas: per frame only the new columns, and a bar that erases ahead of them.
export class Sweep {
  #context;
  #lanes = [];
  #last = 0;
  #running = false;
  frames = 0;
  busy = 0; // milliseconds spent drawing, in all

  constructor(canvas, { seconds = 6, fps = 30 } = {}) {
    this.canvas = canvas;
    this.seconds = seconds;
    this.fps = fps;
    this.#context = canvas.getContext("2d");
    document.addEventListener("visibilitychange", () => this.again());
    addEventListener("theme", () => this.again());
  }

  // What to draw where, in CSS pixels of the canvas: [{wave, x, y, width, height, colour}].
  lanes(lanes) {
    this.#lanes = lanes.map((lane) => ({ ...lane, drawn: null, version: -1 }));
    this.#fit();
    this.again();
  }

  // Draws all lanes whole at the next frame.
  again() {
    for (const lane of this.#lanes) lane.drawn = null;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    const step = (now) => {
      if (!this.#running) return;
      if (now - this.#last >= 1000 / this.fps - 4) {
        this.#last = now;
        this.draw(performance.now());
      }
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.#running = false;
  }

  // The traces as they are at `now`.
  draw(now) {
    const began = performance.now();
    const paths = new Map();
    for (const lane of this.#lanes) this.#advance(lane, now, paths);
    const context = this.#context;
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    for (const [colour, path] of paths) {
      context.strokeStyle = colour;
      context.stroke(path);
    }
    this.frames += 1;
    this.busy += performance.now() - began;
  }

  #advance(lane, now, paths) {
    const { wave } = lane;
    if (!wave.rate) return;
    const head = wave.head(now);
    if (lane.version !== wave.version) lane.drawn = null;
    let from = lane.drawn;
    if (from === null || head - from > this.seconds * wave.rate * 0.9) {
      this.#context.clearRect(lane.x, lane.y, lane.width, lane.height);
      lane.version = wave.version;
      from = head - Math.floor((this.seconds - 0.15) * wave.rate);
    } else {
      this.#erase(lane, from, head);
    }
    if (head <= from) return;
    let path = paths.get(lane.colour);
    if (!path) paths.set(lane.colour, (path = new Path2D()));
    this.#trace(lane, from, head, path);
    lane.drawn = head;
  }

  #erase(lane, from, head) {
    const start = this.#x(lane, from) + 1;
    let width = ((head - from) / (lane.wave.rate * this.seconds)) * lane.width + ERASED_PX;
    const room = lane.x + lane.width - start;
    if (width > room) {
      this.#context.clearRect(lane.x, lane.y, width - room, lane.height);
      width = room;
    }
    if (width > 0) this.#context.clearRect(start, lane.y, width, lane.height);
  }

  #trace(lane, from, head, path) {
    const { wave } = lane;
    const scale = ((1 - 2 * MARGIN) * lane.height) / (wave.high - wave.low);
    const floor = lane.y + (1 - MARGIN) * lane.height;
    const top = lane.y + 1;
    const bottom = lane.y + lane.height - 1;
    let down = false;
    let before = -1;
    for (let number = from; number <= head; number += 1) {
      const value = wave.at(number);
      const x = this.#x(lane, number);
      if (value !== value) down = false;
      else {
        const y = Math.min(bottom, Math.max(top, floor - (value - wave.low) * scale));
        if (down && x >= before) path.lineTo(x, y);
        else path.moveTo(x, y);
        down = true;
      }
      before = x;
    }
  }

  #x(lane, number) {
    const lap = lane.wave.rate * this.seconds;
    return lane.x + ((((number % lap) + lap) % lap) / lap) * lane.width;
  }

  #fit() {
    const ratio = Math.min(devicePixelRatio, 2);
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (width !== this.canvas.width || height !== this.canvas.height) Object.assign(this.canvas, { width, height });
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
  }
}
