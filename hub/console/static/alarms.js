// The alarms page: what stands now, what was, how many there are, and what another limit would have made of it.

import "./shell.js";
import { Active } from "./alarms-active.js";
import { BurdenView } from "./alarms-burden.js";
import { Past } from "./alarms-history.js";
import { WhatIf } from "./alarms-whatif.js";
import { make } from "./dom.js";
import { translate, translator } from "./language.js";
import { live } from "./live.js";
import { me } from "./shell.js";

const VIEWS = ["active", "history", "burden", "whatif"];

const t = await translator("alarms");
translate(t);
const node = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const page = { t, ward: asked.get("ward") ?? "", bed: asked.get("bed") ?? "", beds };
const parts = {
  active: new Active(node("active"), page),
  history: new Past(node("history"), page),
  burden: new BurdenView(node("burden"), page),
  whatif: new WhatIf(node("whatif"), page),
};
let view = "active";

// Every bed the reader sees, of the chosen ward and bed.
function beds() {
  const wards = [...live.picture.wards.values()].filter((one) => page.ward === "" || one.ward === page.ward);
  const all = wards.flatMap((ward) => ward.beds.map((bed) => ({ ...bed, ward: ward.ward, wardTitle: ward.title })));
  return all.filter((bed) => page.bed === "" || bed.bed === page.bed);
}

const tabs = new Map(VIEWS.map((name) => [name, tab(name)]));
node("tabs").append(...tabs.values());

function tab(name) {
  const button = make("button", "", t(`tab_${name}`));
  Object.assign(button, { type: "button", id: `tab-${name}` });
  button.setAttribute("role", "tab");
  button.setAttribute("aria-controls", name);
  node(name).setAttribute("aria-labelledby", button.id);
  button.addEventListener("click", () => choose(name));
  return button;
}

function choose(name) {
  view = VIEWS.includes(name) ? name : "active";
  for (const [one, button] of tabs) {
    button.setAttribute("aria-selected", String(one === view));
    button.tabIndex = one === view ? 0 : -1;
    node(one).hidden = one !== view;
  }
  show();
}

function show() {
  const where = new URLSearchParams();
  if (page.ward) where.set("ward", page.ward);
  if (page.bed) where.set("bed", page.bed);
  history.replaceState(null, "", `${location.pathname}${where.size ? `?${where}` : ""}#${view}`);
  parts[view].load();
  draw();
}

// Arrow keys go from tab to tab, as everywhere.
node("tabs").addEventListener("keydown", (event) => {
  const rtl = document.documentElement.dir === "rtl" ? -1 : 1;
  const moves = { ArrowRight: rtl, ArrowLeft: -rtl, Home: -VIEWS.length, End: VIEWS.length };
  if (!(event.key in moves)) return;
  event.preventDefault();
  choose(VIEWS[Math.min(VIEWS.length - 1, Math.max(0, VIEWS.indexOf(view) + moves[event.key]))]);
  tabs.get(view).focus();
});

node("ward-choice").addEventListener("change", (event) => {
  page.ward = event.target.value;
  page.bed = "";
  known = "";
  show();
});
node("bed-choice").addEventListener("change", (event) => {
  page.bed = event.target.value;
  show();
});

let known = "";
function drawChoices() {
  const wards = [...live.picture.wards.values()];
  const now = wards.map((one) => `${one.ward}=${one.title}:${one.beds.length}`).join("|") + page.ward;
  if (now === known || wards.length === 0) return;
  known = now;
  const chosen = wards.find((one) => one.ward === page.ward);
  node("ward-choice").replaceChildren(new Option(t("all_wards"), ""), ...wards.map((one) => new Option(one.title, one.ward)));
  node("ward-choice").value = chosen ? page.ward : "";
  node("bed-choice").replaceChildren(new Option(t("all_beds"), ""), ...(chosen?.beds ?? []).map((one) => new Option(one.title, one.bed)));
  node("bed-choice").value = page.bed;
  node("bed-choice").disabled = !chosen;
}

function draw() {
  drawChoices();
  parts[view].draw();
}

addEventListener("hashchange", () => choose(location.hash.slice(1)));
live.addEventListener("draw", draw);
live.addEventListener("message", ({ detail }) => detail.type === "event" && parts[view].stale?.());
await me.ready;
choose(location.hash.slice(1));
