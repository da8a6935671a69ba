// The patients page: who lies in which bed, what stands there, and what was.

import "./shell.js";
import { translate, translator } from "./language.js";
import { live } from "./live.js";
import { Beds } from "./patients-beds.js";
import { openImport } from "./patients-import.js";
import { Past } from "./patients-past.js";
import { Placements } from "./patients-devices.js";
import { me } from "./shell.js";
import { Tabs } from "./tabs.js";

const VIEWS = ["beds", "devices", "past"];

const t = await translator("patients");
translate(t);
const node = (id) => document.getElementById(id);
const page = {
  t,
  ward: "",
  wards: () => [...live.picture.wards.values()].filter((one) => page.ward === "" || one.ward === page.ward),
  places: () => [...live.picture.wards.values()].flatMap((one) => one.beds.map((bed) => ({ ...bed, place: `${one.ward}/${bed.bed}`, wardTitle: one.title }))),
  may: (right) => me.may(right),
  changed: () => shown().load(),
  look: (patient) => parts.beds.open(patient),
};
const parts = { beds: new Beds(node("beds"), page), devices: new Placements(node("devices"), page), past: new Past(node("past"), page) };
const shown = () => parts[tabs.view];

const tabs = new Tabs(node("tabs"), VIEWS, (name) => t(`tab_${name}`), (name) => {
  history.replaceState(null, "", `#${name}`);
  shown().load();
  draw();
});

node("ward-choice").addEventListener("change", (event) => {
  page.ward = event.target.value;
  shown().load();
  draw();
});
node("import").addEventListener("click", () => openImport(page));

let known = "";
function drawWards() {
  const wards = [...live.picture.wards.values()];
  const now = wards.map((one) => `${one.ward}=${one.title}`).join("|");
  if (now === known) return;
  known = now;
  node("ward-field").hidden = wards.length < 2;
  node("ward-choice").replaceChildren(new Option(t("all_wards"), ""), ...wards.map((one) => new Option(one.title, one.ward)));
}

function draw() {
  drawWards();
  node("import").hidden = !page.may("adt");
  shown().draw();
}

live.addEventListener("draw", draw);
await me.ready;
tabs.choose(location.hash.slice(1));
