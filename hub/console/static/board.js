// The ward board: every bed of a ward at once, drawn from the shared picture.

import "./bed-tile.js";
import { announce } from "./announce.js";
import { keep, mark, say } from "./dom.js";
import { translator } from "./language.js";
import { fit } from "./layout.js";
import { live } from "./live.js";
import { drawWards } from "./shell.js";
import { placeOf } from "./words.js";

const t = await translator("board");
const words = await translator("common");
const shell = document.querySelector("ward-shell");
const beds = document.getElementById("beds");
const equipment = document.getElementById("equipment");
const dialog = document.getElementById("bed");
const chosen = new URLSearchParams(location.search).get("ward");
let opened = null; // the bed shown whole
let lines = 1;

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
  const scene = { now, time: picture.time(now), at: here.at, heardAt: here.heardAt, parameters: picture.parameters, lines };
  keep(
    beds,
    here.beds,
    (bed) => bed.bed,
    () => document.createElement("bed-tile"),
    (tile, bed) => tile.show(bed, scene),
  );
  lay();
  const bed = opened && here.beds.find((one) => one.bed === opened);
  if (bed) dialog.querySelector("bed-tile").show(bed, { ...scene, lines: 99 });
}

function lay() {
  const shape = fit(beds.childElementCount, beds.clientWidth, innerHeight - beds.offsetTop);
  lines = shape.lines;
  beds.style.setProperty("--columns", shape.columns);
  beds.style.setProperty("--rows", shape.rows || "none");
  mark(beds, "layout", shape.rows ? "fit" : shape.columns === 1 ? "list" : "scroll");
}

beds.addEventListener("open-bed", (event) => {
  opened = event.detail;
  draw();
  dialog.showModal();
});
dialog.addEventListener("close", () => (opened = null));
live.addEventListener("draw", draw);
draw();
