// The page of people: one's own account, the accounts of others, screens, tokens, and who did what.

import { get, post, put, remove } from "./api.js";
import { ask, confirmed } from "./dialogs.js";
import { button, chip, make, say } from "./dom.js";
import { translate, translator } from "./language.js";
import { once, rightsText, table, wardsText, when } from "./people-lists.js";
import { me, tell } from "./shell.js";

const t = await translator("people");
const at = (id) => document.getElementById(id);
const TOKEN_RIGHTS = ["view", "export", "acknowledge", "pause", "limits", "observe", "adt", "devices", "tickets", "drill", "audit"];

translate(t);
document.querySelector("ward-shell").heading = t("people");
const person = await me.ready;

const roleField = (value) => ({ name: "role", label: t("role"), value, options: Object.keys(ROLES).map((role) => [role, ROLES[role]]) });
const wardsField = (wards) => ({ name: "wards", label: t("wards"), value: wards === null ? "" : wards.join(" "), hint: t("wards_hint") });
const wardsOf = (text) => (text === "" ? null : text.split(/[\s,]+/).filter(Boolean));
const ROLES = Object.fromEntries(["viewer", "nurse", "physician", "charge-nurse", "biomedical", "administrator", "auditor"].map((role) => [role, t(`role_${role}`)]));

async function open() {
  const parts = { own: [true, drawOwn], accounts: [me.may("admin"), drawAccounts], screens: [me.may("devices"), drawScreens], tokens: [me.may("admin"), drawTokens], audit: [me.may("audit"), drawAudit] };
  for (const [name, [may, draw]] of Object.entries(parts)) {
    at(name).hidden = !may;
    if (may) await doing(draw);
  }
  deeds("own", person.kind === "person" ? [[t("change_password"), changePassword], [t("out_everywhere"), outEverywhere]] : []);
  deeds("accounts", [[t("add_account"), addAccount]]);
  deeds("screens", [[t("bind"), bindScreen]]);
  deeds("tokens", [[t("add_token"), addToken]]);
  deeds("audit", [[t("check"), check]]);
}

const deeds = (name, list) => at(`${name}-deeds`).replaceChildren(...list.map(([text, deed]) => button(text, () => doing(deed))));

// Does something that may be refused, and says why.
async function doing(deed) {
  try {
    await deed();
  } catch (refused) {
    tell(refused.message);
  }
}

function drawOwn() {
  const facts = [[t("name"), person.name], [t("role"), person.role ? t(`role_${person.role}`) : t(`kind_${person.kind}`)], [t("wards"), wardsText(person.wards)], [t("rights"), rightsText(person.rights)]];
  if (person.kind === "demo") facts.unshift([t("kind_demo"), t("demo_text")]);
  at("own-facts").replaceChildren(...facts.flatMap(([name, text]) => [make("dt", "", name), make("dd", "", text)]));
}

async function changePassword() {
  const fields = [
    { name: "present", label: t("present_password"), type: "password", required: true, attributes: { autocomplete: "current-password" } },
    { name: "password", label: t("new_password"), type: "password", required: true, hint: t("rule"), attributes: { autocomplete: "new-password" } },
  ];
  const said = await ask({ title: t("change_password"), fields });
  if (!said) return;
  await post("/api/v1/me/password", said);
  tell(t("password_changed"), "good");
}

async function outEverywhere() {
  if (!(await confirmed({ title: t("out_everywhere"), text: t("out_everywhere_text"), danger: true }))) return;
  await post("/api/v1/logout-everywhere");
  location.assign("/login");
}

async function drawAccounts() {
  const found = await get("/api/v1/people");
  const rows = found.map((one) => ({
    cells: [one.name, one.title, t(`role_${one.role}`), wardsText(one.wards), state(one)],
    deeds: [[t("change"), () => doing(() => changeAccount(one))], [t("new_link"), () => doing(() => newLink(one))], [t("sign_out"), () => doing(() => signOut(one))]],
  }));
  at("accounts-list").replaceChildren(table(t("accounts"), [t("name"), t("title"), t("role"), t("wards"), t("state"), t("deeds")], rows));
}

function state(account) {
  if (account.disabled !== null) return chip(t("disabled"), "bad");
  return account.ready ? chip(t("active"), "good") : chip(t("no_password"), "warn");
}

async function addAccount() {
  const fields = [{ name: "name", label: t("name"), required: true, hint: t("name_hint"), attributes: { maxlength: 31, autocapitalize: "none" } }, { name: "title", label: t("title"), attributes: { maxlength: 80 } }, roleField("nurse"), wardsField(null)];
  const said = await ask({ title: t("add_account"), fields });
  if (said) showLink(await post("/api/v1/people", { ...said, wards: wardsOf(said.wards) }));
}

async function changeAccount(account) {
  const fields = [{ name: "title", label: t("title"), value: account.title, attributes: { maxlength: 80 } }, roleField(account.role), wardsField(account.wards), { name: "disabled", label: t("disabled"), type: "checkbox", value: account.disabled !== null }];
  const said = await ask({ title: account.name, fields });
  if (!said) return;
  await put(`/api/v1/people/${account.name}`, { ...said, wards: wardsOf(said.wards) });
  await drawAccounts();
}

async function newLink(account) {
  if (await confirmed({ title: t("new_link"), text: t("new_link_text", { name: account.name }) })) showLink(await post(`/api/v1/people/${account.name}/link`));
}

async function signOut(account) {
  const { ended } = await post(`/api/v1/people/${account.name}/logout`);
  tell(t("ended", { n: ended }), "good");
}

function showLink({ account, link }) {
  once(t("link_for", { name: account.name }), t("link_text"), location.origin + link);
  doing(drawAccounts);
}

async function drawScreens() {
  const found = (await get("/api/v1/screens")).filter((one) => one.revoked === null);
  const rows = found.map((one) => ({ cells: [one.name, wardsText(one.wards), one.by, when(one.used)], deeds: [[t("revoke"), () => doing(() => revoke("screens", one.screen, one.name, drawScreens)), true]] }));
  at("screens-list").replaceChildren(table(t("screens"), [t("where"), t("wards"), t("by"), t("used"), t("deeds")], rows));
}

async function bindScreen() {
  const fields = [{ name: "code", label: t("code"), required: true, hint: t("code_hint"), attributes: { maxlength: 12, autocapitalize: "characters", dir: "ltr" } }, { name: "name", label: t("where"), required: true, attributes: { maxlength: 60 } }, wardsField(person.wards)];
  const said = await ask({ title: t("bind"), fields });
  if (!said) return;
  await post("/api/v1/screens", { ...said, wards: wardsOf(said.wards) });
  await drawScreens();
  tell(t("bound"), "good");
}

async function drawTokens() {
  const now = Date.now();
  const rows = (await get("/api/v1/tokens")).map((one) => ({
    cells: [one.name, rightsText(one.rights), wardsText(one.wards), when(one.expires), when(one.used), one.revoked !== null ? chip(t("revoked"), "bad") : one.expires < now ? chip(t("over"), "warn") : chip(t("active"), "good")],
    deeds: one.revoked === null ? [[t("revoke"), () => doing(() => revoke("tokens", one.token, one.name, drawTokens)), true]] : [],
  }));
  at("tokens-list").replaceChildren(table(t("tokens"), [t("program"), t("rights"), t("wards"), t("expires"), t("used"), t("state"), t("deeds")], rows));
}

async function addToken() {
  const rights = TOKEN_RIGHTS.map((right) => ({ name: `right_${right}`, label: t(`right_${right}`), type: "checkbox", value: right === "view" }));
  const fields = [{ name: "name", label: t("program"), required: true, attributes: { maxlength: 60 } }, ...rights, wardsField(null), { name: "days", label: t("days"), type: "number", value: "90", attributes: { min: 1, max: 730 } }];
  const said = await ask({ title: t("add_token"), fields });
  if (!said) return;
  const body = { name: said.name, rights: TOKEN_RIGHTS.filter((right) => said[`right_${right}`]), wards: wardsOf(said.wards), days: Number(said.days) };
  const { token, secret } = await post("/api/v1/tokens", body);
  once(token.name, t("token_text"), secret);
  await drawTokens();
}

async function revoke(what, number, name, draw) {
  if (!(await confirmed({ title: t("revoke"), text: t("revoke_text", { name }), danger: true }))) return;
  await remove(`/api/v1/${what}/${number}`);
  await draw();
}

async function drawAudit() {
  const rows = (await get("/api/v1/audit?limit=200")).map((one) => ({ cells: [when(one.time), one.by, one.action, one.done ? "" : chip(t("refused"), "warn"), [one.subject, one.reason, one.detail].filter(Boolean).join(" · "), one.address] }));
  at("audit-list").replaceChildren(table(t("audit"), [t("time"), t("by"), t("deed"), t("state"), t("about"), t("address")], rows));
}

async function check() {
  const found = await get("/api/v1/audit/proof");
  const broken = found.find((one) => one.broken_row !== null);
  const proof = at("proof");
  proof.className = "remark";
  proof.dataset.tone = broken ? "bad" : "good";
  say(proof, broken ? t("broken", { chain: broken.source, row: broken.broken_row, time: when(broken.broken_time), why: broken.why }) : t("holds", { n: found.reduce((sum, one) => sum + one.rows, 0) }));
  proof.hidden = false;
}

if (person) await open();
