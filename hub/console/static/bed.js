// The bed view: one bed with its waves, numbers, course, limits, observations and devices.

import "./shell.js";
import { Alarms } from "./bed-alarms.js";
import { Devices } from "./bed-devices.js";
import { Events } from "./bed-events.js";
import { Header } from "./bed-header.js";
import { Numbers } from "./bed-numbers.js";
import { Trends } from "./bed-trends.js";
import { Waves } from "./bed-waves.js";
import { get } from "./api.js";
import { say } from "./dom.js";
import { translate, translator } from "./language.js";
import { LimitsEditor } from "./limits-editor.js";
import { live } from "./live.js";
import { Observations } from "./observations.js";
import { Tabs } from "./tabs.js";
import { announce } from "./announce.js";

const VIEWS = ["trends", "events", "limits", "observations", "devices"];
const LIMITS_MS = 15_000;

const t = await translator("bed");
translate(t);
const shell = document.querySelector("ward-shell");
const node = (id) => document.getElementById(id);
const [ward, name] = location.pathname.split("/").slice(2).map(decodeURIComponent);
const place = `${encodeURIComponent(ward)}/${encodeURIComponent(name)}`;
const page = { ward, bed: name, place, t, limits: null, found: () => live.picture.wards.get(ward)?.beds.find((one) => one.bed === name), changed };

let patient; // who lay here when it was last drawn
const parts = {
  header: new Header(node("who"), page),
  alarms: new Alarms(node("alarms"), page),
  numbers: new Numbers(node("numbers"), page),
  waves: new Waves(node("waves"), page),
  trends: new Trends(node("trends"), page),
  events: new Events(node("events"), page),
  limits: new LimitsEditor(node("limits"), page),
  observations: new Observations(node("observations"), page),
  devices: new Devices(node("devices"), page),
};
const tabs = new Tabs(node("tabs"), VIEWS, (view) => t(`tab_${view}`), (view) => {
  if (view !== (location.hash.slice(1) || VIEWS[0])) history.replaceState(null, "", `${location.pathname}${location.search}#${view}`);
  parts[view].open?.();
});

// Goes to one limit, from wherever it is shown.
page.toLimit = (parameter) => {
  tabs.choose("limits");
  parts.limits.focusOn(parameter);
};

function draw() {
  const bed = page.found();
  shell.ward = ward;
  if (!bed) {
    if (live.picture.wards.size > 0) lost();
    return;
  }
  shell.heading = bed.title;
  if (patient !== undefined && patient !== bed.patient) moved();
  patient = bed.patient;
  const now = performance.now();
  const here = live.picture.wards.get(ward);
  const { parameters } = live.picture;
  const scene = { now, time: live.picture.time(now), elapsed: now - here.at, heardAt: here.heardAt, parameters };
  for (const part of [parts.header, parts.alarms, parts.numbers, parts.waves, parts.devices]) part.draw(bed, scene);
  announce({ ...here, beds: [bed] }, [], node("loud"), node("quiet"));
}

// Somebody else lies here now, or nobody: what was asked of the one before is asked anew.
function moved() {
  changed();
  parts[tabs.view].open?.();
}

// The console knows its beds, and this is none of them.
function lost() {
  say(node("lost"), t("no_such_bed", { bed: `${ward}/${name}` }));
  for (const part of shell.main.children) part.hidden = part.id !== "lost";
}

// What is in force now. After a change, everything that shows it is asked anew.
async function changed() {
  try {
    page.limits = await get(`/api/v1/beds/${place}/limits`);
  } catch {
    return; // what was known stays; the editor says that it cannot be read
  }
  draw();
}

live.addEventListener("draw", draw);
live.addEventListener("message", ({ detail }) => {
  if (detail.type === "event" && detail.event.alarm.ward === ward && detail.event.alarm.bed === name) parts.events.stale();
});
setInterval(changed, LIMITS_MS);
tabs.choose(location.hash.slice(1));
draw();
changed();
