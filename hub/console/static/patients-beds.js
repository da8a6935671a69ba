// The beds: who lies there, since when, with which devices; patients come, move and go.

import { post } from "./api.js";
import { button, columns, keep, make, mark, rowHead, say } from "./dom.js";
import { ask } from "./dialogs.js";
import { Person } from "./patients-person.js";
import { tell } from "./shell.js";
import { fromField, shortTime, toField } from "./times.js";

export const PATIENT = "[A-Za-z0-9][A-Za-z0-9\\-]{0,30}";

export class Beds {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    const { t } = page;
    const head = columns(["bed", "patient", "since", "devices", "acts"].map((name) => (name === "acts" ? "" : t(`column_${name}`))));
    this.body = make("tbody");
    const table = make("table", "cards", head, this.body);
    this.empty = make("p", "empty", t("not_heard"));
    this.split = make("div", "split", make("div", "panel scroll", table, this.empty));
    root.append(make("p", "hint", t("beds_hint")), this.split);
    this.person = null;
  }

  load() {
    this.person?.load();
  }

  draw() {
    const wards = this.page.wards();
    const beds = wards.flatMap((ward) => ward.beds.map((bed) => ({ ...bed, ward: ward.ward, wardTitle: ward.title })));
    this.empty.hidden = beds.length > 0;
    keep(this.body, beds, (bed) => `${bed.ward}/${bed.bed}`, () => this.#row(), (row, bed) => this.#show(row, bed, wards.length > 1));
    if (this.person && !beds.some((bed) => bed.patient === this.person.patient)) this.person.draw();
  }

  #row() {
    const row = make("tr", "", rowHead(), make("td", "", make("div", "who", make("b"), make("span", "soft"))), make("td"), make("td"), make("td", "", make("div", "acts")));
    row.children[3].append(make("div", "devices-of"));
    return row;
  }

  #show(row, bed, many) {
    const { t } = this.page;
    const [name, { firstChild: who }, since, devices, { firstChild: acts }] = row.children;
    say(name, many ? `${bed.wardTitle} · ${bed.title || bed.bed}` : bed.title || bed.bed);
    const [main, also] = who.children;
    say(main, bed.patient ? bed.patient_initials || bed.patient : t("free"));
    mark(main, "free", bed.patient ? "" : "yes");
    main.className = bed.patient ? "" : "free";
    say(also, bed.patient && bed.patient_initials ? bed.patient : "");
    say(since, bed.patient_since === null || bed.patient_since === undefined ? "" : shortTime(bed.patient_since));
    keep(devices.firstChild, bed.devices, (one) => `${one.gateway}/${one.device}`, () => make("span", "chip"), (chip, one) => {
      say(chip, one.device);
      mark(chip, "tone", one.link === "up" ? "good" : one.link ? "warn" : "");
    });
    row.setAttribute("aria-selected", String(Boolean(this.person && bed.patient && this.person.patient === bed.patient)));
    const here = `${bed.ward}/${bed.bed}`;
    const state = `${bed.patient}|${this.page.may("adt")}`;
    if (acts.dataset.state === state) return;
    acts.dataset.state = state;
    acts.replaceChildren(...this.#acts(bed, here));
  }

  #acts(bed, here) {
    const { t } = this.page;
    const named = (key, deed) => {
      const node = button(t(key), deed, "button small");
      node.setAttribute("aria-label", `${t(key)}: ${bed.title || here}`);
      return node;
    };
    if (!bed.patient) return this.page.may("adt") ? [named("admit", () => this.#admit(bed, here))] : [];
    const details = named("details", () => this.open(bed.patient));
    if (!this.page.may("adt")) return [details];
    return [details, named("transfer", () => this.#transfer(bed, here)), named("discharge", () => this.#discharge(bed, here))];
  }

  open(patient) {
    this.person?.root.remove();
    this.person = new Person(patient, this.page, () => this.close());
    this.split.append(this.person.root);
    mark(this.split, "open", "yes");
    this.person.root.querySelector("h3").focus();
    this.draw();
  }

  close() {
    this.person?.root.remove();
    this.person = null;
    mark(this.split, "open", "");
    this.draw();
  }

  async #admit(bed, here) {
    const { t } = this.page;
    const said = await ask({
      title: t("admit_title", { bed: bed.title || here }),
      yes: t("admit"),
      fields: [
        { name: "patient", label: t("patient_id"), required: true, hint: t("patient_id_hint"), attributes: { pattern: PATIENT, maxlength: 31 } },
        when(t),
        { name: "reason", label: t("reason"), attributes: { maxlength: 200 } },
      ],
    });
    if (said) await this.#do(`/api/v1/beds/${path(here)}/admit`, { patient: said.patient, ...timed(said), reason: said.reason }, t("admitted"));
  }

  async #transfer(bed, here) {
    const { t } = this.page;
    const places = this.page.places().filter((one) => one.place !== here);
    if (places.length === 0) return tell(t("no_other_bed"));
    const said = await ask({
      title: t("transfer_title", { patient: bed.patient_initials || bed.patient, bed: bed.title || here }),
      text: t("transfer_text"),
      yes: t("transfer"),
      fields: [
        { name: "to", label: t("to_bed"), value: (places.find((one) => !one.patient) ?? places[0]).place, options: places.map((one) => [one.place, place(one, t)]) },
        when(t),
        { name: "reason", label: t("reason"), attributes: { maxlength: 200 } },
      ],
    });
    if (!said) return;
    const swap = Boolean(places.find((one) => one.place === said.to)?.patient);
    await this.#do(`/api/v1/beds/${path(here)}/transfer`, { to: said.to, swap, ...timed(said), reason: said.reason }, t("transferred"));
  }

  async #discharge(bed, here) {
    const { t } = this.page;
    const said = await ask({
      title: t("discharge_title", { patient: bed.patient_initials || bed.patient, bed: bed.title || here }),
      text: t("discharge_text"),
      yes: t("discharge"),
      danger: true,
      fields: [when(t), { name: "reason", label: t("reason"), attributes: { maxlength: 200 } }],
    });
    if (said) await this.#do(`/api/v1/beds/${path(here)}/discharge`, { ...timed(said), reason: said.reason }, t("discharged"));
  }

  async #do(where, body, done) {
    try {
      await post(where, body);
      tell(done, "good");
    } catch (refused) {
      tell(refused.message);
    }
    this.page.changed();
  }
}

export const path = (here) => here.split("/").map(encodeURIComponent).join("/");

// A field for when it was; left empty it is now.
export const when = (t) => ({ name: "time", label: t("when"), type: "datetime-local", hint: t("when_hint"), attributes: { max: toField(Date.now() + 60_000) } });
export const timed = (said) => (said.time ? { time: fromField(said.time) } : {});

// A bed as a choice: where it is, and who would change places.
export function place(one, t) {
  const name = `${one.wardTitle} · ${one.title || one.bed}`;
  return one.patient ? `${name} – ${t("swap_with", { patient: one.patient_initials || one.patient })}` : `${name} – ${t("free")}`;
}
