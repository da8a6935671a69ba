// The picture: messages of the stream in, the wards as they are at a moment out. Touches no page and no clock.

export const SILENT_MS = 5000; // five snapshots missed: nothing known is the present

export class Picture {
  wards = new Map(); // id → {ward, title, beds, at, heardAt}
  parameters = {};
  equipment = []; // alarms of equipment that stands at no bed, most urgent first
  hub = null;
  broker = true;
  version = null;
  #offset = null; // the console's clock minus performance.now()

  // Takes in a message received at `at`, by performance.now().
  take(message, at) {
    this.#offset = message.time - at;
    switch (message.type) {
      case "whole":
        this.parameters = message.parameters;
        this.version = message.version;
        this.hub = message.hub;
        this.broker = message.broker;
        this.equipment = message.equipment;
        this.wards = new Map(message.wards.map((ward) => [ward.ward, heard(ward, at, this.wards.get(ward.ward))]));
        break;
      case "ward":
        this.wards.set(message.ward.ward, heard(message.ward, at));
        break;
      case "alarm":
        this.#alarm(message);
        break;
      case "equipment":
        this.equipment = message.equipment;
        break;
      case "beat":
        this.hub = message.hub;
        this.broker = message.broker;
        break;
    }
  }

  // Alarms of equipment that concern one ward: its own, and those of the whole hub.
  equipmentOf(ward) {
    return this.equipment.filter((alarm) => alarm.ward === "" || alarm.ward === ward);
  }

  // The console's wall time at `now`; the browser's own until the console has spoken.
  time(now) {
    return this.#offset === null ? Date.now() : now + this.#offset;
  }

  // The machine slept for `missed` milliseconds that performance.now() did not count.
  slept(missed) {
    for (const ward of this.wards.values()) {
      ward.at -= missed;
      if (ward.heardAt !== null) ward.heardAt -= missed;
    }
  }

  #alarm({ ward, bed, rule, alarm }) {
    const found = this.wards.get(ward)?.beds.find((one) => one.bed === bed);
    if (!found) return;
    found.alarms = found.alarms.filter((one) => one.rule !== rule);
    if (alarm) found.alarms.push(alarm);
    found.alarms.sort(byUrgency);
  }
}

// A console that has just started knows less than this page: when we last heard of the ward stays.
function heard(ward, at, before) {
  return { ...ward, at, heardAt: ward.stream_age_ms === null ? (before?.heardAt ?? null) : at - ward.stream_age_ms };
}

const RANK = { high: 0, medium: 1, low: 2 };

function byUrgency(one, other) {
  return (
    (one.kind === "technical") - (other.kind === "technical") ||
    RANK[one.priority] - RANK[other.priority] ||
    (one.state !== "active") - (other.state !== "active") ||
    other.raised - one.raised
  );
}
