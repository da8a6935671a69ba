// The alarms page: what stands now, what was, how many there are, and what another limit would have made of it.

import "./shell.js";
import { Active } from "./alarms-active.js";
import { BurdenView } from "./alarms-burden.js";
import { Past } from "./alarms-history.js";
import { WhatIf } from "./alarms-whatif.js";
import { translate, translator } from "./language.js";
import { live } from "./live.js";
import { me } from "./shell.js";
import { Tabs } from "./tabs.js";

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

// Every bed the reader sees, of the chosen ward and bed.
function beds() {
  const wards = [...live.picture.wards.values()].filter((one) => page.ward === "" || one.ward === page.ward);
  const all = wards.flatMap((ward) => ward.beds.map((bed) => ({ ...bed, ward: ward.ward, wardTitle: ward.title })));
  return all.filter((bed) => page.bed === "" || bed.bed === page.bed);
}

const tabs = new Tabs(node("tabs"), VIEWS, (name) => t(`tab_${name}`), show);

function show() {
  const where = new URLSearchParams();
  if (page.ward) where.set("ward", page.ward);
  if (page.bed) where.set("bed", page.bed);
  history.replaceState(null, "", `${location.pathname}${where.size ? `?${where}` : ""}#${tabs.view}`);
  parts[tabs.view].load();
  draw();
}

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
  parts[tabs.view].draw();
}

live.addEventListener("draw", draw);
live.addEventListener("message", ({ detail }) => detail.type === "event" && parts[tabs.view].stale?.());
await me.ready;
tabs.choose(location.hash.slice(1));
