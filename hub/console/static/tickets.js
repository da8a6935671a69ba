// The tickets page: work on devices, who does it, what happened. The number of the open one stands in the address.

import "./shell.js";
import { get } from "./api.js";
import { askAndDo, may, send } from "./bed-deeds.js";
import { button, chip, columns, field, keep, make, mark, rowHead, say } from "./dom.js";
import { translate, translator } from "./language.js";
import { live } from "./live.js";
import { me } from "./shell.js";
import { dateTime, span } from "./times.js";
import { equipmentName } from "./words.js";

const DAY = 86_400_000;
const SPANS = ["7", "30", "90", ""];

const t = await translator("tickets");
const common = await translator("phrases");
translate(t);
const node = (id) => document.getElementById(id);

let tickets = [];
let trouble = "";
let chosen = Number(location.hash.slice(1)) || null;

// What is asked for

function choice(name, options) {
  const select = make("select");
  select.append(...options.map(([value, text]) => new Option(text, value)));
  return filter(name, select);
}

function filter(name, input) {
  input.name = name;
  return field(t(name), input, `filter-${name}`);
}

const words = make("input");
Object.assign(words, { type: "search", maxLength: 80, autocomplete: "off" });
node("filter").append(
  choice("state", ["open", "closed", "all"].map((one) => [one, t(`state_${one}`)])),
  choice("ward", [["", t("all_wards")]]),
  filter("technician", words),
  choice("span", SPANS.map((n) => [n, n ? t("last_days", { n }) : t("ever")])),
);
const form = node("filter").elements;
form.span.value = "30";
node("filter").addEventListener("change", load);
node("filter").addEventListener("submit", (event) => event.preventDefault());

function asked(more = {}) {
  const query = new URLSearchParams(more);
  query.set("state", form.state.value);
  if (form.ward.value) query.set("ward", form.ward.value);
  if (form.technician.value.trim()) query.set("technician", form.technician.value.trim());
  if (form.span.value && form.state.value !== "open") query.set("from", String(Date.now() - Number(form.span.value) * DAY));
  return query;
}

async function load() {
  node("csv").href = `/api/v1/tickets.csv?${asked()}`;
  try {
    tickets = await get(`/api/v1/tickets?${asked()}`);
    trouble = "";
  } catch (refused) {
    trouble = refused.message;
  }
  drawList();
  await drawTicket();
}

// The list

const head = columns(["number", "device", "fault", "technician", "opened", "state"].map((key) => t(`column_${key}`)));
const body = make("tbody");
const empty = make("p", "empty", common("loading"));
node("list").append(make("table", "cards", make("caption", "unseen", t("heading")), head, body), empty);

function drawList() {
  keep(body, tickets, (ticket) => ticket.ticket, row, (line, ticket) => {
    const [number, device, fault, technician, opened, state] = line.children;
    say(number.firstChild, `#${ticket.ticket}`);
    say(device, `${equipmentName(ticket)}${ticket.bed ? ` · ${ticket.ward}/${ticket.bed}` : ""}`);
    say(fault, `${t(`fault_${ticket.fault}`)}: ${ticket.message || "–"}`);
    say(technician, ticket.technician || "–");
    say(opened, dateTime(ticket.opened));
    state.replaceChildren(standing(ticket));
    line.setAttribute("aria-selected", String(ticket.ticket === chosen));
  });
  say(empty, trouble || t("none"));
  empty.hidden = tickets.length > 0 && !trouble;
}

function row(ticket) {
  const link = make("a");
  link.href = `#${ticket.ticket}`;
  return make("tr", "", rowHead(link), ...Array.from({ length: 5 }, () => make("td")));
}

function standing(ticket) {
  const said = ticket.state === "closed" ? "closed" : ticket.standing === null ? "unknown" : ticket.standing ? "stands" : "over";
  const shape = { stands: "▲", over: "✓", closed: "✓", unknown: "?" }[said];
  return chip(`${shape} ${t(`is_${said}`)}`, { stands: "bad", over: "warn", closed: "good" }[said]);
}

// One ticket

addEventListener("hashchange", () => {
  chosen = Number(location.hash.slice(1)) || null;
  drawList();
  drawTicket(true);
});

async function drawTicket(focus = false) {
  const root = node("ticket");
  mark(node("split"), "open", chosen === null ? "" : "yes");
  root.hidden = chosen === null;
  if (chosen === null) return;
  try {
    const { ticket, history } = await get(`/api/v1/tickets/${chosen}`);
    const facts = [["device", equipmentName(ticket)], ["bed", ticket.bed ? `${ticket.ward}/${ticket.bed}` : t("no_bed")], ["opened", `${dateTime(ticket.opened)} ${ticket.opened_by || t("by_itself")}`], ["technician", ticket.technician || t("nobody")], ["flaps", String(ticket.flaps)]];
    if (ticket.closed !== null) facts.push(["closed", `${dateTime(ticket.closed)} ${ticket.closed_by || t("by_itself")} · ${span(ticket.closed - ticket.opened)}`], ["reason", ticket.reason || "–"]);
    const list = make("dl", "facts", ...facts.flatMap(([key, value]) => [make("dt", "", t(key)), make("dd", "", value)]));
    root.replaceChildren(
      make("div", "row spread", make("h3", "", t("ticket", { n: ticket.ticket })), standing(ticket)),
      make("p", "", `${t(`fault_${ticket.fault}`)}: ${ticket.message || "–"}`),
      list,
      deeds(ticket),
      make("h3", "", t("history")),
      make("ol", "told", ...history.map(told)),
    );
  } catch (refused) {
    root.replaceChildren(make("p", "empty", refused.message));
  }
  if (focus) root.focus();
}

function told({ time, kind, by, text }) {
  return make("li", "", make("b", "", t(`kind_${kind}`)), make("span", "soft small", ` ${dateTime(time)} ${by || t("by_itself")}`), make("p", "", text));
}

function deeds(ticket) {
  const row = make("div", "row");
  if (ticket.state !== "open" || !may("tickets")) return row;
  const note = { name: "note", label: t("note"), type: "area", attributes: { maxlength: 2000 } };
  const path = `/api/v1/tickets/${ticket.ticket}`;
  const questions = {
    assign: [{ name: "technician", label: t("technician"), value: ticket.technician, hint: t("technician_hint"), attributes: { maxlength: 80 } }, note],
    note: [{ ...note, required: true }],
    close: [{ name: "reason", label: t("reason"), required: ticket.standing !== false, hint: ticket.standing === false ? "" : t("reason_hint"), attributes: { maxlength: 200 } }, note],
  };
  for (const [deed, fields] of Object.entries(questions)) {
    const question = { title: t(`${deed}_title`, { n: ticket.ticket }), fields, yes: t(deed) };
    row.append(button(t(deed), async () => (await askAndDo(question, (said) => send(`${path}/${deed}`, said))) && load(), `button${deed === "close" ? " primary" : ""}`));
  }
  return row;
}

node("open").addEventListener("click", async () => {
  let known = [];
  try {
    known = (await get("/api/v1/devices")).map(equipmentName);
  } catch {
    // The field takes any name; the hub refuses what it does not know.
  }
  const device = { name: "device", label: t("device"), required: true, attributes: { maxlength: 80 }, ...(known.length ? { options: known.map((one) => [one, one]), value: known[0] } : {}) };
  const fields = [device, { name: "technician", label: t("technician"), attributes: { maxlength: 80 } }, { name: "note", label: t("note"), type: "area", required: true, attributes: { maxlength: 2000 } }];
  const done = await askAndDo({ title: t("open_title"), fields, yes: t("open") }, (said) => send("/api/v1/tickets", said));
  if (!done) return;
  chosen = done.ticket;
  history.replaceState(null, "", `#${chosen}`);
  load();
});

let wards = "";
function draw() {
  node("open").hidden = !may("tickets");
  node("csv").hidden = !may("export");
  const now = [...live.picture.wards.values()].map((one) => `${one.ward}=${one.title}`).join("|");
  if (now === wards) return;
  wards = now;
  const before = form.ward.value;
  form.ward.replaceChildren(new Option(t("all_wards"), ""), ...[...live.picture.wards.values()].map((one) => new Option(one.title, one.ward)));
  form.ward.value = before;
}

live.addEventListener("draw", draw);
await me.ready;
setInterval(() => document.hidden || document.querySelector("dialog[open]") || load(), 15_000);
load();
