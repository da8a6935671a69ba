// The ward board: a picture from the stream, drawn twice a second and on every change.

import "./bed-tile.js";
import { ask, who } from "./acknowledge.js";
import { announce } from "./announce.js";
import { fit } from "./layout.js";
import { Picture, SILENT_MS } from "./picture.js";
import { Stream } from "./stream.js";
import { clockTime, keep, make, mark, placeOf, say, zone } from "./words.js";

const TICK_MS = 500;
const SLEPT_MS = 3000; // the wall clock ran on while ours stood still: the machine slept

const picture = new Picture();
const started = performance.now();
const chosen = new URLSearchParams(location.search).get("ward");
const node = (id) => document.getElementById(id);
let opened = null; // the bed shown whole
let lines = 1;
let lag = Date.now() - performance.now();

const stream = new Stream((message, at) => {
  const before = picture.version;
  picture.take(message, at);
  if (before !== null && picture.version !== before) {
    location.reload(); // the console was renewed; so is its page
    return;
  }
  draw();
});

function ward() {
  return picture.wards.get(chosen) ?? picture.wards.values().next().value;
}

function draw() {
  const now = performance.now();
  const time = picture.time(now);
  const here = ward();
  drawClock(time);
  drawSilence(here, now, time);
  if (!here) return;
  drawHead(here);
  drawEquipment(here);
  drawBeds(here, now, time);
  announce(here, picture.equipmentOf(here.ward), node("loud"), node("quiet"));
}

function drawClock(time) {
  say(node("clock"), clockTime(time));
  say(node("zone"), zone(time));
  const name = who();
  node("who").hidden = !name;
  say(node("who"), `as ${name}`);
  node("who").setAttribute("aria-label", `Acknowledging as ${name}; change`);
}

function drawHead(here) {
  say(node("ward"), here.title);
  document.title = `${here.title} · Wardline`;
  const count = { high: 0, medium: 0, low: 0, technical: 0 };
  for (const bed of here.beds) {
    for (const alarm of bed.alarms) count[alarm.kind === "technical" ? "technical" : alarm.priority] += 1;
  }
  count.technical += picture.equipmentOf(here.ward).length;
  for (const item of node("counts").children) {
    const found = count[item.dataset.priority];
    say(item.querySelector("b"), String(found));
    mark(item, "some", found > 0 ? "yes" : "");
  }
  drawWards(here);
}

// Gateways, the broker, the hub itself: what stands at no bed and yet keeps beds from being heard.
function drawEquipment(here) {
  const alarms = picture.equipmentOf(here.ward);
  node("equipment").hidden = alarms.length === 0;
  keep(
    node("equipment"),
    alarms,
    (alarm) => `${alarm.subject} ${alarm.rule}`,
    () => document.createElement("alarm-line"),
    (line, alarm) => line.show(alarm, placeOf(alarm)),
  );
}

// Other wards, each with what waits there.
function drawWards(here) {
  node("wards").hidden = picture.wards.size < 2;
  keep(
    node("wards"),
    [...picture.wards.values()],
    (one) => one.ward,
    (one) => {
      const link = make("a");
      link.href = `/?ward=${encodeURIComponent(one.ward)}`;
      return link;
    },
    (link, one) => {
      const waiting = one.beds.flatMap((bed) => bed.alarms).filter((alarm) => alarm.state === "active").length;
      say(link, waiting > 0 ? `${one.title} (${waiting})` : one.title);
      if (one.ward === here.ward) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    },
  );
}

function drawBeds(here, now, time) {
  const scene = { now, time, at: here.at, heardAt: here.heardAt, parameters: picture.parameters, lines };
  keep(
    node("beds"),
    here.beds,
    (bed) => bed.bed,
    () => document.createElement("bed-tile"),
    (tile, bed) => tile.show(bed, scene),
  );
  lay();
  const bed = opened && here.beds.find((one) => one.bed === opened);
  if (bed) node("bed").querySelector("bed-tile").show(bed, { ...scene, lines: 99 });
}

function lay() {
  const beds = node("beds");
  const shape = fit(beds.childElementCount, beds.clientWidth, innerHeight - beds.offsetTop);
  lines = shape.lines;
  beds.style.setProperty("--columns", shape.columns);
  beds.style.setProperty("--rows", shape.rows || "none");
  mark(beds, "layout", shape.rows ? "fit" : shape.columns === 1 ? "list" : "scroll");
}

function drawSilence(here, now, time) {
  const heardAt = here?.heardAt ?? null;
  const since = heardAt ?? started;
  const silent = now - since > SILENT_MS;
  const box = node("silence");
  if (silent) {
    say(box.querySelector(".shout"), `NO DATA since ${clockTime(time - (now - since))}`);
    say(box.querySelector(".cause"), cause(now, heardAt));
    if (box.hidden) for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("");
  }
  box.hidden = !silent;
  for (const part of [document.querySelector(".bar"), node("equipment"), node("beds")]) part.inert = silent;
}

function cause(now, heardAt) {
  if (stream.heardAt === null || now - stream.heardAt > 2500) return "This screen has lost the console. Reconnecting.";
  if (!picture.broker) return "The console has lost the broker. Reconnecting.";
  return heardAt === null ? "The hub has not spoken yet." : "The hub is silent.";
}

function tick() {
  const nowLag = Date.now() - performance.now();
  if (nowLag - lag > SLEPT_MS) {
    picture.slept(nowLag - lag);
    stream.again();
  }
  lag = nowLag;
  draw();
}

setInterval(tick, TICK_MS);
document.addEventListener("visibilitychange", tick);
addEventListener("resize", draw);
addEventListener("who", draw);
node("who").addEventListener("click", () => ask());
node("beds").addEventListener("open-bed", (event) => {
  opened = event.detail;
  draw();
  node("bed").showModal();
});
node("bed").addEventListener("close", () => (opened = null));
draw();
