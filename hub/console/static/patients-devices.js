// The devices: at which bed each stands, since when, where it stood, and how it is moved.

import { get, post } from "./api.js";
import { button, columns, keep, make, rowHead, say } from "./dom.js";
import { ask } from "./dialogs.js";
import { timed, when } from "./patients-beds.js";
import { tell } from "./shell.js";
import { dateTime } from "./times.js";

export class Placements {
  constructor(root, page) {
    this.page = page;
    this.found = [];
    const { t } = page;
    const head = columns(["device", "bed", "since", "by", "acts"].map((name) => (name === "acts" ? "" : t(`column_${name}`))));
    this.body = make("tbody");
    this.empty = make("p", "empty", t("loading"));
    root.append(make("p", "hint", t("devices_hint")), make("div", "panel scroll", make("table", "cards", head, this.body), this.empty));
  }

  async load() {
    try {
      this.found = await get("/api/v1/placements");
      say(this.empty, this.page.t("no_devices"));
    } catch (refused) {
      say(this.empty, refused.message);
    }
    this.draw();
  }

  draw() {
    const shown = this.found.filter((one) => this.page.ward === "" || one.ward === null || one.ward === this.page.ward);
    this.empty.hidden = shown.length > 0;
    keep(this.body, shown, (one) => `${one.gateway}/${one.device}|${one.ward}/${one.bed}|${one.start}|${this.page.may("devices")}`, (one) => this.#row(one), () => {});
  }

  #row(one) {
    const { t } = this.page;
    const name = `${one.gateway}/${one.device}`;
    const where = one.bed === null ? make("td", "free", t("at_no_bed")) : make("td", "", this.#title(one));
    const acts = make("div", "acts");
    const past = make("div", "changes");
    past.hidden = true;
    const history = button(t("history"), () => this.#history(name, past, history), "button small");
    history.setAttribute("aria-expanded", "false");
    history.setAttribute("aria-label", `${t("history")}: ${name}`);
    acts.append(history);
    if (this.page.may("devices")) {
      const move = button(t("move"), () => this.#move(one, name), "button small");
      move.setAttribute("aria-label", `${t("move")}: ${name}`);
      acts.append(move);
    }
    acts.append(past);
    return make("tr", "", rowHead(name), where, make("td", "", one.start ? dateTime(one.start) : t("ever")), make("td", "", one.by || t("settings")), make("td", "", acts));
  }

  #title(one) {
    const found = this.page.places().find((bed) => bed.place === `${one.ward}/${one.bed}`);
    return found ? `${found.wardTitle} · ${found.title || found.bed}` : `${one.ward}/${one.bed}`;
  }

  async #history(name, past, opener) {
    const { t } = this.page;
    past.hidden = !past.hidden;
    opener.setAttribute("aria-expanded", String(!past.hidden));
    if (past.hidden) return;
    try {
      const told = await get(`/api/v1/devices/${name}/placements`);
      past.replaceChildren(...told.map((one) => make("p", "", [
        one.bed === null ? t("at_no_bed") : this.#title(one),
        `${one.start ? dateTime(one.start) : t("ever")} – ${one.end === null ? t("still_here") : dateTime(one.end)}`,
        one.by || t("settings"), one.reason,
      ].filter(Boolean).join(" · "))));
    } catch (refused) {
      past.replaceChildren(make("p", "", refused.message));
    }
  }

  async #move(one, name) {
    const { t } = this.page;
    const here = one.bed === null ? "" : `${one.ward}/${one.bed}`;
    const places = [["", t("at_no_bed")], ...this.page.places().map((bed) => [bed.place, `${bed.wardTitle} · ${bed.title || bed.bed}`])];
    const said = await ask({
      title: t("move_title", { device: name }),
      text: t("move_text"),
      yes: t("move"),
      fields: [
        { name: "bed", label: t("to_bed"), value: here, options: places },
        when(t),
        { name: "reason", label: t("reason"), attributes: { maxlength: 200 } },
      ],
    });
    if (!said) return;
    try {
      await post(`/api/v1/devices/${name}/assign`, { bed: said.bed, ...timed(said), reason: said.reason });
      tell(t("moved"), "good");
    } catch (refused) {
      tell(refused.message);
    }
    this.load();
  }
}
