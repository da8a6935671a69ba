// The patients page: who lies in which bed, what stands there, and what was.

import "./shell.js";
import { make } from "./dom.js";
import { translate, translator } from "./language.js";
import { live } from "./live.js";
import { Beds } from "./patients-beds.js";
import { openImport } from "./patients-import.js";
import { Past } from "./patients-past.js";
import { Placements } from "./patients-devices.js";
import { me } from "./shell.js";

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
let view = "beds";
const shown = () => parts[view];

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
  view = VIEWS.includes(name) ? name : "beds";
  for (const [one, button] of tabs) {
    button.setAttribute("aria-selected", String(one === view));
    button.tabIndex = one === view ? 0 : -1;
    node(one).hidden = one !== view;
  }
  history.replaceState(null, "", `#${view}`);
  shown().load();
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

addEventListener("hashchange", () => choose(location.hash.slice(1)));
live.addEventListener("draw", draw);
await me.ready;
choose(location.hash.slice(1));
