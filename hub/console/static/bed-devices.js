// The devices of the bed and their gateways: link, states, silence and clocks.

import { keep, make, mark, say } from "./dom.js";
import { span } from "./times.js";
import { reason } from "./words.js";

const TONES = { up: "good", silent: "warn", down: "bad", error: "bad" };
const CLOCK_MS = 2000; // off by more than this, times of a gateway are to be read with care

export class Devices {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.cards = make("div", "grid");
    const more = make("p", "row", link("/devices", page.t("all_devices")), link("/tickets", page.t("all_tickets")));
    root.append(this.cards, more);
  }

  draw(bed, scene) {
    const { t } = this.page;
    if (bed.devices.length === 0) this.cards.replaceChildren(make("p", "empty", t("no_device")));
    else this.cards.querySelector(".empty")?.remove();
    keep(
      this.cards,
      bed.devices,
      (device) => `${device.gateway}/${device.device}`,
      () => make("article", "panel device", make("h3"), make("p", "row chips"), make("dl", "facts")),
      (card, device) => this.#show(card, device, scene, t),
    );
  }

  #show(card, device, scene, t) {
    const [title, chips, facts] = card.children;
    say(title, device.device);
    const told = [
      { text: device.link ? t(`link_${device.link}`) : t("link_unknown"), tone: TONES[device.link] ?? "" },
      { text: t(device.gateway_online === null ? "gateway_unknown" : device.gateway_online ? "gateway_online" : "gateway_offline"), tone: device.gateway_online === null ? "" : device.gateway_online ? "good" : "bad" },
      ...device.states.map((state) => ({ text: reason(state), tone: "warn" })),
    ];
    keep(chips, told, (one) => one.text, () => make("span", "chip"), (chip, one) => {
      say(chip, one.text);
      mark(chip, "tone", one.tone);
    });
    const offset = device.clock_offset_ms;
    const rows = [
      [t("gateway"), device.gateway],
      [t("last_heard"), device.age_ms === null ? t("never_heard") : t("ago", { span: span(device.age_ms + scene.elapsed) })],
      [t("clock"), offset === null ? t("unknown") : `${offset > 0 ? "+" : ""}${(offset / 1000).toFixed(1)} s${Math.abs(offset) > CLOCK_MS ? ` – ${t("clock_off")}` : ""}`],
      ...(device.detail ? [[t("detail"), device.detail]] : []),
    ];
    keep(facts, rows, ([name]) => name, () => make("div", "pair", make("dt"), make("dd")), (row, [name, text]) => {
      say(row.firstChild, name);
      say(row.lastChild, text);
    });
  }
}

function link(href, text) {
  const node = make("a", "button quiet", text);
  node.href = href;
  return node;
}
