// The frame around every page: navigation, the notice, alarm counts, the clock, silence, and the reader's choices.
//
//   <ward-shell page="alarms"><main>…</main></ward-shell>
//
// live="cover" lays NO DATA over the whole page (board, bed); without it a band stands above the page.
// live="no" opens no stream (login). The ward shown, if it is one: shell.ward = "icu".

import { get, post } from "./api.js";
import { attribute, chip, keep, make, mark, say } from "./dom.js";
import { translator } from "./language.js";
import { live } from "./live.js";
import { choices, closing } from "./shell-choices.js";
import { SoundPart } from "./shell-sound.js";
import { clockTime, zone } from "./times.js";

const t = await translator("shell");
const words = await translator("phrases");

const PAGES = ["board", "alarms", "devices", "tickets", "patients", "people"];
const PRIORITIES = [["high", "▲"], ["medium", "◆"], ["low", "●"], ["technical", ""]];
const TOLD_MS = 12000;
const ACTIVE_MS = 60_000;
const ASK_MS = 5000;

// Who is signed in: {name, role, wards, rights}; null when nobody is, or before it is known. `me.ready` waits for it.
export const me = { person: null, may: (right) => me.person?.rights?.includes(right) ?? false, ready: null };

const existing = (document.documentElement.dataset.pages ?? "board").split(" ");
let telling = null;

// Shows a sentence for a while, over the page. `tone`: "bad" (said at once by screen readers) or "good".
export function tell(sentence, tone = "bad") {
  const box = document.getElementById("problem");
  box.setAttribute("role", tone === "bad" ? "alert" : "status");
  mark(box, "tone", tone);
  say(box, sentence);
  box.hidden = false;
  clearTimeout(telling);
  telling = setTimeout(() => (box.hidden = true), TOLD_MS);
}

export class WardShell extends HTMLElement {
  ward = null;
  #asked = 0;
  #built = false;
  #blind = false; // who reads may see no patient: nothing here is of now, and nothing says that it is not
  #known = false; // who reads it: notices, tabs and buttons depend on that

  connectedCallback() {
    if (this.#built) return;
    this.#built = true;
    this.main = this.querySelector("main");
    this.main.id ||= "main";
    this.#build();
    if (this.getAttribute("live") !== "no") {
      mark(this.main, "coming", "yes");
      live.addEventListener("draw", () => this.#draw());
      me.ready = this.#whoAmI();
      if (this.getAttribute("page") === "people") me.ready.then(() => this.#blind || live.start());
      else live.start();
      addEventListener("signed-out", () => this.#stillIn());
    } else {
      me.ready = Promise.resolve(null);
      setInterval(() => this.#draw(), 1000);
    }
    this.#draw();
  }

  // The name in the header: the ward of the board, "Wardline" elsewhere.
  set heading(text) {
    say(this.headline, text);
    document.title = text === "Wardline" ? text : `${text} · Wardline`;
  }

  #build() {
    const page = this.getAttribute("page");
    const skip = make("a", "skip", t("skip"));
    skip.href = `#${this.main.id}`;
    // The address stays: behind its # pages keep which view or which device they show.
    skip.addEventListener("click", (event) => {
      event.preventDefault();
      this.main.tabIndex = -1;
      this.main.focus();
    });
    this.headline = make("h1", "", "Wardline");
    this.headline.id = "ward";
    this.wards = make("nav", "wards");
    this.wards.id = "wards";
    this.wards.hidden = true;
    this.wards.setAttribute("aria-label", t("counts"));
    this.counts = make("ul", "counts", ...PRIORITIES.map((one) => count(one, page === "tv")));
    this.counts.id = "counts";
    this.counts.setAttribute("aria-label", t("counts"));
    this.clock = make("time", "", "--:--:--");
    this.clock.id = "clock";
    this.zone = make("span");
    this.zone.id = "zone";
    this.tools = make("div", "tools");
    const quiet = this.getAttribute("live") === "no";
    this.sound = quiet ? null : new SoundPart(this, this.getAttribute("live") === "cover");
    if (!quiet) this.tools.append(this.sound.menu, choices());
    this.bar = make("header", "bar", make("div", "place", this.headline, this.wards));
    if (!quiet) this.bar.append(navigation(page));
    this.bar.append(make("p", "notice", t("notice")));
    if (!quiet) this.bar.append(this.counts);
    this.bar.append(this.tools, make("p", "clock", this.clock, " ", this.zone));
    this.silence = silence(this.getAttribute("live"));
    const problem = make("div", "problem");
    problem.id = "problem";
    problem.hidden = true;
    this.prepend(skip, this.bar, ...(quiet ? [] : [this.sound.banner]), this.silence);
    this.append(problem, region("loud", "assertive"), region("quiet", "polite"));
  }

  #draw() {
    const now = performance.now();
    const time = live.picture.time(now);
    say(this.clock, clockTime(time));
    say(this.zone, zone(time));
    if (this.getAttribute("live") === "no" || this.#blind) return;
    this.#drawCounts();
    this.#drawSilence(now);
    this.sound.draw();
    this.#stand();
  }

  // Shows the page once its parts have their places: nobody's finger should hit what has just moved below it. A live
  // page has them with the first picture, or when silence covers it.
  #stand() {
    const seen = this.getAttribute("live") !== "cover" || live.picture.version !== null || !this.silence.hidden;
    if (this.#known && seen) mark(this.main, "coming", null);
  }

  #drawCounts() {
    const shown = [...live.picture.wards.values()].filter((one) => this.ward === null || one.ward === this.ward);
    const found = { high: 0, medium: 0, low: 0, technical: 0 };
    for (const alarm of shown.flatMap((ward) => ward.beds.flatMap((bed) => bed.alarms))) {
      found[alarm.kind === "technical" ? "technical" : alarm.priority] += 1;
    }
    found.technical += (this.ward === null ? live.picture.equipment : live.picture.equipmentOf(this.ward)).length;
    for (const item of this.counts.children) {
      const count = found[item.dataset.priority];
      say(item.querySelector("b"), String(count));
      mark(item, "some", count > 0 ? "yes" : "");
    }
  }

  #drawSilence(now) {
    const found = live.silence(this.ward, now);
    const covers = this.getAttribute("live") === "cover";
    if (found?.cause === "console" && now - this.#asked > ASK_MS) this.#stillIn();
    if (found) {
      say(this.silence.querySelector(".shout"), t("no_data", { time: clockTime(found.since) }));
      say(this.silence.querySelector(".cause"), t(`silent_${found.cause}`));
      if (covers && this.silence.hidden) for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("");
    }
    this.silence.hidden = !found;
    mark(this, "silent", found ? "yes" : "");
    if (!covers) return;
    for (const part of this.children) if (part !== this.silence && !part.hasAttribute("aria-live")) part.inert = Boolean(found);
  }

  // A console that no longer knows the reader refuses the stream: asked, it says so, and the reader is led to the login.
  #stillIn() {
    this.#asked = performance.now();
    get("/api/v1/me").catch(() => null);
  }

  #beginAnew() {
    const asking = setInterval(async () => {
      try {
        await get("/api/v1/me");
      } catch {
        return;
      }
      clearInterval(asking);
      location.reload();
    }, ASK_MS);
  }

  async #whoAmI() {
    try {
      me.person = await get("/api/v1/me");
    } catch (refused) {
      me.person = null;
      // Without an answer nobody knows what the reader may do here: the page begins anew once there is one.
      if (refused.status === 0 || refused.status >= 500) this.#beginAnew();
    }
    if (me.person) {
      this.tools.append(personMenu(me.person));
      if (me.person.kind === "demo") this.querySelector(".notice").after(demo());
      stayIn(me.person);
      const page = this.getAttribute("page");
      if (page !== "people" && !mayVisit(page)) location.replace("/people"); // where everybody's own account is
      this.#blind = !me.may("view");
      this.counts.hidden = this.sound.menu.hidden = this.#blind;
    }
    for (const link of this.querySelectorAll(".pages a")) link.hidden = !mayVisit(link.dataset.page);
    dispatchEvent(new Event("who"));
    this.#known = true;
    this.#stand();
    return me.person;
  }
}

const NEEDED = { people: ["admin", "audit", "devices"], patients: ["adt", "view"] };
const mayVisit = (page) => !me.person || (NEEDED[page] ?? ["view"]).some((right) => me.may(right));

function navigation(page) {
  const links = PAGES.filter((name) => existing.includes(name)).map((name) => {
    const link = make("a", "", t(name));
    link.href = name === "board" ? "/" : `/${name}`;
    link.dataset.page = name;
    attribute(link, "aria-current", name === page ? "page" : null);
    return link;
  });
  const nav = make("nav", "pages", ...links);
  nav.setAttribute("aria-label", t("pages"));
  nav.hidden = links.length < 2;
  return nav;
}

// How many there are; pressed, it leads to the first of them.
function count([priority, shape], fixed) {
  const sign = make("span", shape ? "" : "icon technical", shape);
  sign.setAttribute("aria-hidden", "true");
  const parts = [sign, make("b", "", "0"), make("span", "unseen", ` ${words(priority)}`)];
  const item = make("li", "", fixed ? make("span", "count", ...parts) : make("button", "count", ...parts));
  if (!fixed) Object.assign(item.firstChild, { type: "button", onclick: () => lead(priority) });
  item.dataset.priority = priority;
  return item;
}

function lead(priority) {
  const wanted = priority === "technical" ? "[data-kind=technical]" : `[data-priority=${priority}]`;
  const lines = [...document.querySelectorAll(`main alarm-line${wanted}`)];
  const found = lines.find((line) => line.dataset.state === "active") ?? lines[0];
  if (!found) return;
  found.scrollIntoView({ block: "center" });
  found.querySelector(".do:not([hidden])")?.focus({ focusVisible: true });
}

function silence(manner) {
  const box = make("section", "silence", make("p", "shout", t("no_data", { time: "" })), make("p", "cause"), make("p", "advice", t("look")));
  box.id = "silence";
  box.hidden = true;
  box.setAttribute("role", "alert");
  mark(box, "manner", manner === "cover" ? "cover" : "band");
  return box;
}

function region(id, manner) {
  const node = make("div", "unseen");
  node.id = id;
  node.setAttribute("aria-live", manner);
  return node;
}

// A person who touches the page is not idle; a page that reads the stream on its own is.
function stayIn(person) {
  if (person.kind !== "person") return;
  let said = performance.now();
  const touched = () => {
    if (performance.now() - said < ACTIVE_MS) return;
    said = performance.now();
    post("/api/v1/active").catch(() => null);
  };
  for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, touched, { capture: true });
}

// That nobody is signed in here, and everybody has every right.
function demo() {
  const notice = chip(t("demo"), "warn");
  notice.id = "demo";
  return notice;
}

function personMenu(person) {
  const name = make("summary", "button quiet", person.title || person.name);
  name.setAttribute("aria-label", t("person", { name: person.title || person.name }));
  const out = make("button", "button", t("sign_out"));
  out.type = "button";
  out.addEventListener("click", async () => {
    await post("/api/v1/logout").catch(() => null);
    location.assign("/login");
  });
  out.hidden = person.kind !== "person";
  const account = make("a", "button", t("account"));
  account.href = "/people";
  const menu = closing(make("details", "menu own", name, make("div", "menu-body", make("p", "soft", t("person", { name: person.title || person.name })), account, out)));
  menu.id = "person";
  return menu;
}

// Other wards, each with what waits there; links lead to `address(ward)`.
export function drawWards(shell, current, address) {
  shell.wards.hidden = live.picture.wards.size < 2;
  keep(
    shell.wards,
    [...live.picture.wards.values()],
    (one) => one.ward,
    (one) => Object.assign(make("a"), { href: address(one.ward) }),
    (link, one) => {
      const waiting = one.beds.flatMap((bed) => bed.alarms).filter((alarm) => alarm.state === "active").length;
      say(link, waiting > 0 ? `${one.title} (${waiting})` : one.title);
      attribute(link, "aria-current", one.ward === current ? "page" : null);
    },
  );
}

customElements.define("ward-shell", WardShell);
