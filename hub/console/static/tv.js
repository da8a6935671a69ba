// The wall display: bound to this device once, then it shows its wards for ever and needs no hand.
//
// /tv shows every ward it may see in turn, /tv?ward=icu one, /tv?wards=icu,hdu&every=30 some, each for 30 s.
// A ward with a high alarm that nobody has answered is shown at once and stays.

import { get, post } from "./api.js";
import { make, say } from "./dom.js";
import { translate, translator } from "./language.js";
import { live } from "./live.js";
import { minuteTime } from "./times.js";

const t = await translator("tv");
const question = new URLSearchParams(location.search);
const asked = (question.get("wards") ?? question.get("ward") ?? "").split(",").filter(Boolean);
const EVERY_MS = 1000 * Math.min(3600, Math.max(5, Number(question.get("every")) || 20));
const ASK_MS = 3000;
const CHECK_MS = 10_000;

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
let turn = 0;
let turned = performance.now();

translate(t);
await bound();
await show();

// Returns when this device may look: it is bound, or somebody is signed in at it.
async function bound() {
  const state = document.getElementById("state");
  for (let mayLook = null; !mayLook; ) {
    try {
      mayLook ??= await known();
      if (mayLook) return;
      const found = await post("/api/v1/screens/pair");
      if (found.state === "bound") return;
      say(document.getElementById("code"), found.code);
      say(state, t("waiting", { time: minuteTime(found.expires) }));
    } catch {
      say(state, t("unreachable"));
    }
    await wait(ASK_MS);
  }
}

// Whether the console knows this device or who is at it. Without an answer nobody knows: a console that does not answer
// for a moment must not ask for a code that was given long ago.
async function known() {
  try {
    await get("/api/v1/me");
    return true;
  } catch (refused) {
    if (refused.status === 404) return true; // a console without accounts
    if (refused.status === 401) return false;
    throw refused;
  }
}

async function show() {
  await import("./shell.js");
  const { WardView } = await import("./ward-view.js");
  const { drawWards } = await import("./shell.js");
  const shell = make("ward-shell", "", make("main"));
  shell.setAttribute("page", "tv");
  shell.setAttribute("live", "cover");
  document.getElementById("pairing").remove();
  document.body.prepend(shell);
  const view = new WardView(shell.main);
  live.addEventListener("draw", () => {
    const here = present();
    if (!here) return;
    shell.ward = here.ward;
    shell.heading = here.title;
    drawWards(shell, here.ward, () => "#");
    view.show(here);
  });
  setInterval(stillMine, CHECK_MS);
  navigator.wakeLock?.request("screen").catch(() => null); // the kiosk's own settings keep it awake otherwise
}

// The ward to show now.
function present() {
  const all = [...live.picture.wards.values()];
  const shown = asked.length > 0 ? all.filter((ward) => asked.includes(ward.ward)) : all;
  if (shown.length === 0) return all[0];
  const now = performance.now();
  const urgent = shown.filter(calls);
  if (urgent.length > 0 && !urgent.includes(shown[turn % shown.length])) turn = shown.indexOf(urgent[0]);
  else if (now - turned < EVERY_MS) return shown[turn % shown.length];
  else if (urgent.length > 0) turn = shown.indexOf(urgent[(urgent.indexOf(shown[turn % shown.length]) + 1) % urgent.length]);
  else turn = (turn + 1) % shown.length;
  turned = now;
  return shown[turn];
}

const calls = (ward) => ward.beds.some((bed) => bed.alarms.some((alarm) => alarm.kind !== "technical" && alarm.priority === "high" && alarm.state === "active"));

// Whoever revoked this screen sees it ask for a new code within seconds.
async function stillMine() {
  if (live.silence() === null) return;
  try {
    await get("/api/v1/me");
  } catch (refused) {
    if (refused.status === 401) location.reload();
  }
}
