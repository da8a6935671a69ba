// The devices page: gateways and what stands behind them, how they are, how long they were well, and their tickets.
// The one that is open stands in the address: #gw-icu-1/mon-7, or #gw-icu-1.

import "./shell.js";
import { get } from "./api.js";
import { chip, columns, keep, labelOf, make, mark, rowHead, say } from "./dom.js";
import { strip } from "./devices-strip.js";
import { translate, translator } from "./language.js";
import { live } from "./live.js";
import { me } from "./shell.js";
import { age, dateTime, shortTime, span } from "./times.js";
import { equipmentName } from "./words.js";

const STATES = ["online", "error", "offline", "unknown"];
const SHAPES = { online: "✓", error: "▲", offline: "✕", unknown: "?" };
const TONES = { online: "good", error: "warn", offline: "bad" };
const DAY = 86_400_000;
const AGAIN_MS = 5000;

const t = await translator("devices");
const common = await translator("phrases");
translate(t);
const node = (id) => document.getElementById(id);

let equipment = [];
let gateways = new Map();
let trouble = common("loading");
let days = 7;

node("state").append(new Option(t("all"), ""), ...STATES.map((one) => new Option(t(`state_${one}`), one)));
node("state").addEventListener("change", draw);

async function load() {
  try {
    const [found, heard] = await Promise.all([get("/api/v1/devices"), get("/api/v1/gateways")]);
    equipment = found;
    gateways = new Map(heard.map((one) => [one.gateway, one]));
    trouble = found.length === 0 ? t("none") : "";
  } catch (refused) {
    trouble = refused.message;
  }
  draw();
}

function draw() {
  drawFleet();
  const wanted = node("state").value;
  const shown = equipment.filter((one) => !wanted || one.state === wanted);
  const names = [...new Set(shown.map((one) => one.gateway))];
  keep(node("gateways"), trouble ? [] : names, (name) => name, gateway, (part, name) => drawGateway(part, name, shown));
  say(node("none"), trouble || t("none_so"));
  node("none").hidden = !trouble && names.length > 0;
}

// How many are how, devices and gateways together

function drawFleet() {
  const parts = STATES.map((state) => {
    const part = make("div", "", make("b", "", `${SHAPES[state]} ${equipment.filter((one) => one.state === state).length}`), make("span", "soft", t(`state_${state}`)));
    mark(part, "tone", TONES[state]);
    return part;
  });
  const now = parts.map((part) => part.textContent).join("|");
  if (node("fleet").dataset.now === now) return;
  node("fleet").dataset.now = now;
  node("fleet").replaceChildren(...parts);
}

// One gateway and its devices

function gateway(name) {
  const head = columns(["device", "state", "since", "line", "uptime", "ticket"].map((key) => t(`column_${key}`)));
  const table = make("table", "cards", make("caption", "unseen", t("gateway", { name })), head, make("tbody"));
  return make("article", "panel gateway stack", make("h3", "", t("gateway", { name })), make("dl", "facts"), make("div", "scroll", table));
}

function drawGateway(part, name, shown) {
  const said = gateways.get(name);
  const facts = said ? factsOf(said) : [];
  const list = part.querySelector("dl");
  const text = facts.flat().join("|");
  if (list.dataset.now !== text) {
    list.dataset.now = text;
    list.replaceChildren(...facts.flatMap(([key, value]) => [make("dt", "", key), make("dd", "", value)]));
  }
  keep(part.querySelector("tbody"), shown.filter((one) => one.gateway === name), equipmentName, row, drawRow);
}

function factsOf({ said, spooled, accepted, durability, reason, version, clock_offset_ms: offset }) {
  if (said === null) return [[t("said"), t("never_spoke")]];
  const facts = [
    [t("said"), `${shortTime(said)} (${age(live.now() - said)})`],
    [t("waiting"), t("waiting_of", { n: spooled, accepted })],
    [t("clock"), offset === null ? t("not_known") : t(offset < 0 ? "behind" : "ahead", { span: `${(Math.abs(offset) / 1000).toFixed(1)} s` })],
    [t("version"), version || t("not_known")],
  ];
  if (durability === "degraded") facts.push([t("disk"), t("degraded")]);
  if (reason) facts.push([t("look_at"), reason]);
  return facts;
}

function row(one) {
  const link = make("a", "", one.device || t("itself"));
  link.href = `#${equipmentName(one)}`;
  return make("tr", "", rowHead(link, make("span", "soft small")), ...Array.from({ length: 5 }, () => make("td")));
}

function drawRow(line, one) {
  const [head, state, since, link, uptime, ticket] = line.children;
  say(head.lastChild, one.bed ? ` ${one.ward}/${one.bed}` : "");
  state.replaceChildren(standing(one.state), ...(one.message ? [make("span", "soft small", ` ${one.message}`)] : []));
  say(since, one.since === null ? "–" : shortTime(one.since));
  const heard = gateways.get(one.gateway)?.devices.find((device) => device.device === one.device);
  say(link, !heard ? "" : [heard.link, heard.detail, heard.age_ms === null ? "" : age(heard.age_ms)].filter(Boolean).join(" · ") || "–");
  say(uptime, ["24h", "7d", "30d"].map((key) => percent(one.uptime[key]?.percent ?? null)).join(" / "));
  if (one.ticket === null) say(ticket, "");
  else if (ticket.textContent !== `#${one.ticket}`) ticket.replaceChildren(Object.assign(make("a", "", `#${one.ticket}`), { href: `/tickets#${one.ticket}` }));
  line.setAttribute("aria-selected", String(equipmentName(one) === decodeURIComponent(location.hash.slice(1))));
}

const standing = (state) => chip(`${SHAPES[state]} ${t(`state_${state}`)}`, TONES[state]);

const percent = (value) => (value === null ? "–" : `${value.toFixed(value === 100 ? 0 : 1)} %`);

// What one went through

async function drawOne(focus = false) {
  const name = decodeURIComponent(location.hash.slice(1));
  const root = node("one");
  mark(node("split"), "open", name ? "yes" : "");
  root.hidden = !name;
  if (!name) return;
  const [gate, device] = name.split("/").map(encodeURIComponent);
  const to = Math.round(live.now());
  const from = to - days * DAY;
  const path = device ? `/api/v1/devices/${gate}/${device}/history` : `/api/v1/gateways/${gate}/history`;
  const choice = make("select");
  choice.id = "days";
  choice.append(...[1, 7, 30].map((n) => new Option(t("last_days", { n }), String(n), n === days, n === days)));
  choice.addEventListener("change", () => {
    days = Number(choice.value);
    drawOne();
  });
  const head = make("div", "row spread", make("h3", "", name), make("div", "field", labelOf(choice, t("span"), "unseen"), choice));
  try {
    const stretches = await get(`${path}?from=${from}&to=${to}`);
    const rows = [...stretches].reverse().map((one) => make("tr", "", make("td", "", standing(one.state)), make("td", "nowrap", dateTime(one.start)), make("td", "nowrap", span((one.end ?? to) - one.start)), make("td", "", one.message)));
    const heads = columns(["state", "since", "lasted", "why"].map((key) => t(`column_${key}`)));
    const table = make("table", "", make("caption", "", t("went_through")), heads, make("tbody", "", ...rows));
    const open = make("a", "button small", t("all_tickets"));
    open.href = "/tickets";
    root.replaceChildren(head, ...(stretches.length ? [strip(stretches, from, to, t("went_through")), make("div", "row spread soft small", make("span", "", dateTime(from)), make("span", "", dateTime(to))), make("div", "scroll", table)] : [make("p", "empty", t("nothing_known"))]), open);
  } catch (refused) {
    root.replaceChildren(head, make("p", "empty", refused.message));
  }
  if (focus) root.focus();
}

addEventListener("hashchange", () => {
  draw();
  drawOne(true);
});
await me.ready;
setInterval(() => document.hidden || load(), AGAIN_MS);
await load();
drawOne();
