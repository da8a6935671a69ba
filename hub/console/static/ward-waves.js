// The waves of a ward: one connection, and a ring of samples per bed and channel.

import { Wave } from "./wave-sweep.js";

export const LABELS = { ecg_ii: "II", ecg: "ECG", pleth: "Pleth", resp: "Resp", abp_w: "ABP", co2_w: "CO₂" };
export const COLOURS = { ecg_ii: "--hr", ecg: "--hr", pleth: "--spo2", resp: "--rr", abp_w: "--abp", co2_w: "--co2" };

const CHANNELS = ["ecg_ii", "ecg", "abp_w", "pleth", "resp", "co2_w"]; // as wanted at a bed, most first
const RETRY_MS = 1000;
const GONE_MS = 3000; // after which another device of the bed may give the channel

const chosen = (document.documentElement.dataset.waves ?? "").split(" ").filter((name) => name in LABELS);
const wanted = chosen.length > 0 ? chosen : CHANNELS;

export class WardWaves {
  #ward = null;
  #socket = null;
  #retry = null;
  #beds = new Map(); // bed → Map(channel → {wave, device, heardAt})

  // Listens to a ward, and to no other.
  listen(ward) {
    if (ward === this.#ward) return;
    this.#ward = ward;
    this.#beds.clear();
    this.#open();
  }

  // The channels of a bed that have anything to show, the most wanted first.
  channels(bed, most) {
    const found = this.#beds.get(bed);
    if (!found || most === 0) return [];
    const now = performance.now();
    return wanted.filter((name) => found.get(name)?.wave.alive(now)).slice(0, most);
  }

  wave(bed, channel) {
    return this.#beds.get(bed)?.get(channel)?.wave ?? null;
  }

  #open() {
    clearTimeout(this.#retry);
    this.#socket?.close();
    const url = new URL(`/api/v1/wards/${encodeURIComponent(this.#ward)}/waves`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    for (const channel of wanted) url.searchParams.append("channel", channel);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => socket === this.#socket && this.take(event.data);
    socket.onclose = () => {
      if (socket === this.#socket) this.#retry = setTimeout(() => this.#open(), RETRY_MS);
    };
    this.#socket = socket;
  }

  // A message: see WS /api/v1/wards/{ward}/waves in docs/reference/api.md.
  take(buffer, now = performance.now()) {
    const length = new DataView(buffer).getUint32(0, true);
    const stretches = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    let at = 4 + length;
    for (const stretch of stretches) {
      const samples = new Int16Array(buffer, at, stretch.size); // little-endian, as every browser's machine is
      at += 2 * stretch.size;
      this.#push({ ...stretch, samples }, now);
    }
  }

  #push(frame, now) {
    let bed = this.#beds.get(frame.bed);
    if (!bed) this.#beds.set(frame.bed, (bed = new Map()));
    let found = bed.get(frame.channel);
    if (!found || (found.device !== frame.device && now - found.heardAt > GONE_MS)) {
      bed.set(frame.channel, (found = { wave: new Wave(), device: frame.device, heardAt: now }));
    }
    if (found.device !== frame.device) return; // two devices of a bed measure the same: the first one is shown
    found.heardAt = now;
    found.wave.push(frame, now);
  }
}
