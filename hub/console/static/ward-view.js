// A whole ward on one page: equipment above, a tile per bed, and one canvas over them for the waves.

import "./bed-tile.js";
import { announce } from "./announce.js";
import { keep, make, mark } from "./dom.js";
import { translator } from "./language.js";
import { fit } from "./layout.js";
import { live } from "./live.js";
import { COLOURS, WardWaves } from "./ward-waves.js";
import { Sweep } from "./wave-sweep.js";
import { placeOf } from "./words.js";

const t = await translator("board");

export class WardView {
  #shape = { lines: 1, traces: 0 };
  #room = [0, 0]; // of the page, for tiles
  #fitted = "";
  #laid = ""; // where the traces are
  #waves = new WardWaves();

  constructor(main) {
    this.equipment = make("section", "equipment");
    this.equipment.id = "equipment";
    this.equipment.hidden = true;
    this.equipment.setAttribute("aria-label", t("equipment"));
    this.beds = make("div");
    this.beds.id = "beds";
    this.beds.setAttribute("role", "group");
    this.beds.setAttribute("aria-label", t("beds"));
    this.canvas = make("canvas");
    this.canvas.id = "waves";
    this.canvas.setAttribute("aria-hidden", "true");
    const ground = make("div", "ground", this.beds, this.canvas);
    main.prepend(this.equipment, ground);
    new ResizeObserver(() => {
      this.#room = [ground.clientWidth, ground.clientHeight];
      this.#lay();
    }).observe(ground);
    this.sweep = new Sweep(this.canvas);
    this.sweep.start();
  }

  // Draws a ward of the picture as it is now.
  show(ward) {
    const equipment = live.picture.equipmentOf(ward.ward);
    this.#waves.listen(ward.ward);
    this.#drawEquipment(equipment);
    this.#drawBeds(ward);
    this.#lay();
    this.#drawTraces();
    announce(ward, equipment, document.getElementById("loud"), document.getElementById("quiet"));
  }

  // What a tile needs beside its bed.
  scene(ward) {
    const now = performance.now();
    const { picture } = live;
    return { now, time: picture.time(now), at: ward.at, heardAt: ward.heardAt, parameters: picture.parameters };
  }

  // Gateways, the broker, the hub itself: what stands at no bed and yet keeps beds from being heard.
  #drawEquipment(alarms) {
    this.equipment.hidden = alarms.length === 0;
    keep(
      this.equipment,
      alarms,
      (alarm) => `${alarm.subject} ${alarm.rule}`,
      () => document.createElement("alarm-line"),
      (line, alarm) => line.show(alarm, placeOf(alarm)),
    );
  }

  #drawBeds(ward) {
    const scene = { ...this.scene(ward), lines: this.#shape.lines };
    keep(
      this.beds,
      ward.beds,
      (bed) => `${ward.ward}/${bed.bed}`,
      () => document.createElement("bed-tile"),
      (tile, bed) => tile.show(bed, { ...scene, traces: this.#waves.channels(bed.bed, this.#shape.traces) }),
    );
  }

  // Asks nothing of the page: to measure it between two changes costs more than all the rest.
  #lay() {
    const fitted = [this.beds.childElementCount, ...this.#room].join(" ");
    if (fitted === this.#fitted) return;
    this.#fitted = fitted;
    const shape = fit(this.beds.childElementCount, ...this.#room);
    this.#shape = shape;
    this.beds.style.setProperty("--columns", shape.columns);
    this.beds.style.setProperty("--rows", shape.rows || "none");
    mark(this.beds, "layout", shape.rows ? "fit" : shape.columns === 1 ? "list" : "scroll");
  }

  // Tells the sweep where each tile has left room for a wave.
  #drawTraces() {
    const ground = this.canvas.getBoundingClientRect();
    const style = getComputedStyle(document.documentElement);
    const lanes = [];
    for (const node of this.#shape.traces > 0 ? this.beds.querySelectorAll(".trace") : []) {
      const { bed } = node.closest("bed-tile").dataset;
      const { channel } = node.dataset;
      const wave = this.#waves.wave(bed, channel);
      const box = node.getBoundingClientRect();
      if (!wave || box.height < 8) continue;
      const place = { x: box.left - ground.left, y: box.top - ground.top, width: box.width, height: box.height };
      lanes.push({ wave, ...place, bed, channel, colour: style.getPropertyValue(COLOURS[channel]).trim() });
    }
    const places = lanes.map(({ x, y, width, height, bed, channel, colour }) => [x, y, width, height, bed, channel, colour].join(" "));
    const laid = [ground.width, ground.height, ...places].join(",");
    if (laid === this.#laid) return;
    this.#laid = laid;
    this.sweep.lanes(lanes);
  }
}
