// Stays that are over, to look up and to put right.

import { get } from "./api.js";
import { button, columns, field, make, rowHead, say } from "./dom.js";
import { correct } from "./patients-person.js";
import { dateTime } from "./times.js";

const MOST = 200;

export class Past {
  constructor(root, page) {
    this.page = page;
    const { t } = page;
    this.input = make("input");
    Object.assign(this.input, { type: "search", maxLength: 31, autocomplete: "off" });
    this.input.addEventListener("change", () => this.load());
    const head = columns(["patient", "bed", "from", "to", "by", "acts"].map((name) => (name === "acts" ? "" : t(`column_${name}`))));
    this.body = make("tbody");
    this.empty = make("p", "empty", t("loading"));
    root.append(
      make("div", "toolbar", field(t("find_patient"), this.input, "past-patient")),
      make("div", "panel scroll", make("table", "cards", head, this.body), this.empty),
    );
  }

  async load() {
    const { t } = this.page;
    const asked = new URLSearchParams({ state: "past", limit: MOST });
    if (this.page.ward) asked.set("ward", this.page.ward);
    if (this.input.value.trim()) asked.set("patient", this.input.value.trim());
    try {
      const found = await get(`/api/v1/admissions?${asked}`);
      this.body.replaceChildren(...found.map((stay) => this.#row(stay)));
      say(this.empty, t("no_past"));
      this.empty.hidden = found.length > 0;
    } catch (refused) {
      say(this.empty, refused.message);
      this.empty.hidden = false;
    }
  }

  draw() {}

  #row(stay) {
    const { t } = this.page;
    const who = rowHead(make("div", "who", make("b", "", stay.initials || stay.patient), make("span", "soft", stay.initials ? stay.patient : "")));
    const acts = make("div", "acts");
    if (this.page.may("adt")) {
      const put = button(t("correct"), async () => { if (await correct(stay, this.page)) this.load(); }, "button small");
      put.setAttribute("aria-label", t("correct_title", { number: stay.admission }));
      acts.append(put);
    }
    const people = [...new Set([stay.by, stay.ended_by])].filter(Boolean).join(", ");
    return make("tr", "", who, make("td", "", `${stay.ward}/${stay.bed}`), make("td", "", dateTime(stay.start)), make("td", "", dateTime(stay.end)), make("td", "", people), make("td", "", acts));
  }
}
