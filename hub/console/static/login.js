// The door: a name and a password; or, with a link's key after the #, a password to choose.

import { post } from "./api.js";
import { say } from "./dom.js";
import { translate, translator } from "./language.js";
import "./shell.js";

const t = await translator("login");
const at = (id) => document.getElementById(id);
const key = location.hash.slice(1);
let choosing = false;

translate(t);
history.replaceState(null, "", location.pathname + location.search); // the key does not stay in the history
at("show").addEventListener("change", () => (at("password").type = at("show").checked ? "text" : "password"));
at("sign-in").addEventListener("submit", enter);
document.querySelector("ward-shell").heading = "Wardline";
await begin();

async function begin() {
  if (!key) return ask("sign_in", "", false);
  try {
    const { account } = await post("/api/v1/link/look", { key });
    choosing = true;
    ask(account ? "choose" : "first", account, true);
  } catch (refused) {
    ask("sign_in", "", false);
    complain(refused.message);
  }
}

function ask(what, account, choose) {
  say(at("title"), t(what));
  say(at("text"), choose ? t(`${what}_text`, { name: account }) : "");
  at("text").hidden = !choose;
  say(at("go"), t(choose ? "choose_go" : "sign_in_go"));
  at("name").value = account;
  at("name-row").hidden = choose && account !== "";
  at("name").required = !at("name-row").hidden;
  at("rule").hidden = !choose;
  say(at("rule"), t("rule"));
  at("password").autocomplete = choose ? "new-password" : "current-password";
  (at("name-row").hidden ? at("password") : at("name")).focus();
}

async function enter(event) {
  event.preventDefault();
  at("go").disabled = true;
  at("wrong").hidden = true;
  const [name, password] = [at("name").value, at("password").value];
  try {
    await (choosing ? post("/api/v1/link", { key, name, password }) : post("/api/v1/login", { name, password }));
    location.replace(next());
  } catch (refused) {
    complain(refused.message);
    at("password").select();
  } finally {
    at("go").disabled = false;
  }
}

function complain(sentence) {
  say(at("wrong"), sentence);
  at("wrong").hidden = false;
}

// Where the reader wanted to go; only a page of this console.
function next() {
  const wanted = new URL(new URLSearchParams(location.search).get("next") ?? "/", location.origin);
  return wanted.origin === location.origin && wanted.pathname !== "/login" ? wanted.pathname + wanted.search : "/";
}
