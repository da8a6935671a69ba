// The ward board: every bed of a ward at once, drawn from the shared picture.

import "./bed-tile.js";
import { announce } from "./announce.js";
import { keep, mark, say } from "./dom.js";
import { translator } from "./language.js";
import { fit } from "./layout.js";
import { live } from "./live.js";
import { drawWards } from "./shell.js";
import { COLOURS, WardWaves } from "./ward-waves.js";
import { Sweep } from "./wave-sweep.js";
import { placeOf } from "./words.js";

const t = await translator("board");
const words = await translator("common");
const shell = document.querySelector("ward-shell");
const beds = document.getElementById("beds");
const equipment = document.getElementById("equipment");
const dialog = document.getElementById("bed");
const chosen = new URLSearchParams(location.search).get("ward");
let opened = null; // the bed shown whole
let shape = { lines: 1, traces: 0 };
let laid = ""; // where the traces are

const waves = new WardWaves();
const canvas = document.getElementById("waves");
const sweep = new Sweep(canvas);
sweep.start();

document.getElementById("close-bed").append(words("close"));
dialog.setAttribute("aria-label", t("bed"));
beds.setAttribute("aria-label", t("beds"));
equipment.setAttribute("aria-label", t("equipment"));

function draw() {
  const { picture } = live;
  const here = picture.wards.get(chosen) ?? picture.wards.values().next().value;
  if (!here) return;
  shell.ward = here.ward;
  shell.heading = here.title;
  drawWards(shell, here.ward, (ward) => `/?ward=${encodeURIComponent(ward)}`);
  drawEquipment(picture.equipmentOf(here.ward));
  drawBeds(here);
  announce(here, picture.equipmentOf(here.ward), document.getElementById("loud"), document.getElementById("quiet"));
}

// Gateways, the broker, the hub itself: what stands at no bed and yet keeps beds from being heard.
function drawEquipment(alarms) {
  equipment.hidden = alarms.length === 0;
  keep(
    equipment,
    alarms,
    (alarm) => `${alarm.subject} ${alarm.rule}`,
    () => document.createElement("alarm-line"),
    (line, alarm) => line.show(alarm, placeOf(alarm)),
  );
}

function drawBeds(here) {
  const now = performance.now();
  const { picture } = live;
  const scene = { now, time: picture.time(now), at: here.at, heardAt: here.heardAt, parameters: picture.parameters };
  waves.listen(here.ward);
  keep(
    beds,
    here.beds,
    (bed) => bed.bed,
    () => document.createElement("bed-tile"),
    (tile, bed) => tile.show(bed, { ...scene, lines: shape.lines, traces: waves.channels(bed.bed, shape.traces) }),
  );
  lay();
  drawTraces();
  const bed = opened && here.beds.find((one) => one.bed === opened);
  if (bed) dialog.querySelector("bed-tile").show(bed, { ...scene, lines: 99 });
}

function lay() {
  shape = fit(beds.childElementCount, beds.clientWidth, innerHeight - beds.offsetTop);
  beds.style.setProperty("--columns", shape.columns);
  beds.style.setProperty("--rows", shape.rows || "none");
  mark(beds, "layout", shape.rows ? "fit" : shape.columns === 1 ? "list" : "scroll");
}

// Tells the sweep where each tile has left room for a wave.
function drawTraces() {
  const ground = canvas.getBoundingClientRect();
  const style = getComputedStyle(document.documentElement);
  const lanes = [];
  for (const node of shape.traces > 0 ? beds.querySelectorAll(".trace") : []) {
    const tile = node.closest("bed-tile").dataset.bed;
    const { channel } = node.dataset;
    const wave = waves.wave(tile, channel);
    const box = node.getBoundingClientRect();
    if (!wave || box.height < 8) continue;
    const place = { x: box.left - ground.left, y: box.top - ground.top, width: box.width, height: box.height };
    lanes.push({ wave, ...place, key: `${tile}/${channel}`, colour: style.getPropertyValue(COLOURS[channel]).trim() });
  }
  const now = `${ground.width} ${ground.height} ` + lanes.map((lane) => Object.values({ ...lane, wave: "" }).join(" ")).join(",");
  if (now === laid) return;
  laid = now;
  sweep.lanes(lanes);
}

beds.addEventListener("open-bed", (event) => {
  opened = event.detail;
  draw();
  dialog.showModal();
});
dialog.addEventListener("close", () => (opened = null));
live.addEventListener("draw", draw);
draw();
