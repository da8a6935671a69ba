// The ward board: every bed of a ward at once, drawn from the shared picture.

import { translator } from "./language.js";
import { live } from "./live.js";
import { drawWards } from "./shell.js";
import { WardView } from "./ward-view.js";

const t = await translator("board");
const words = await translator("phrases");
const shell = document.querySelector("ward-shell");
const dialog = document.getElementById("bed");
const chosen = new URLSearchParams(location.search).get("ward");
const view = new WardView(shell.main);
let opened = null; // the bed shown whole

document.getElementById("close-bed").append(words("close"));
dialog.setAttribute("aria-label", t("bed"));

function draw() {
  const { wards } = live.picture;
  const here = wards.get(chosen) ?? wards.values().next().value;
  if (!here) return;
  shell.ward = here.ward;
  shell.heading = here.title;
  drawWards(shell, here.ward, (ward) => `/?ward=${encodeURIComponent(ward)}`);
  view.show(here);
  const bed = opened && here.beds.find((one) => one.bed === opened);
  if (bed) dialog.querySelector("bed-tile").show(bed, { ...view.scene(here), lines: 99 });
}

view.beds.addEventListener("open-bed", (event) => {
  opened = event.detail;
  draw();
  dialog.showModal();
});
dialog.addEventListener("close", () => (opened = null));
live.addEventListener("draw", draw);
draw();
