// The stream from the console: keeps one WebSocket open, notices gaps and silence, comes back by itself.

const SILENT_MS = 5000; // the console beats each second: five beats missed
const RETRY_MS = 1000;
const SIGNED_OUT = 4401;

export class Stream {
  #socket = null;
  #number = null;
  #retry = null;
  heardAt = null; // performance.now() of the last message

  constructor(take) {
    this.take = take;
    this.#open();
    setInterval(() => this.#watch(), 500);
    addEventListener("pagehide", () => this.#socket?.close());
  }

  // Lets go of the connection and makes a new one, which begins with the whole picture.
  again() {
    this.#drop();
    this.#open();
  }

  #open() {
    clearTimeout(this.#retry);
    this.#retry = null;
    const url = new URL("/api/v1/stream", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#number = null;
    this.openedAt = performance.now();
    socket.onmessage = (event) => socket === this.#socket && this.#receive(event.data);
    socket.onclose = (event) => {
      if (event.code === SIGNED_OUT) dispatchEvent(new Event("signed-out"));
      if (socket === this.#socket) this.#later();
    };
  }

  #receive(text) {
    const message = JSON.parse(text);
    const whole = message.type === "whole";
    if (!whole && message.number !== this.#number + 1) {
      this.again();
      return;
    }
    this.#number = message.number;
    this.heardAt = performance.now();
    this.take(message, this.heardAt);
  }

  #watch() {
    const since = Math.max(this.heardAt ?? 0, this.openedAt);
    if (this.#retry === null && performance.now() - since > SILENT_MS) this.again();
  }

  #later() {
    this.#drop();
    this.#retry = setTimeout(() => this.#open(), RETRY_MS);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
