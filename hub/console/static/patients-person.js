// One patient: what is known, hidden until it is asked for; where they lay; and what is put right.

import { get, post, put } from "./api.js";
import { button, make } from "./dom.js";
import { ask } from "./dialogs.js";
import { PATIENT } from "./patients-beds.js";
import { tell } from "./shell.js";
import { dateTime, fromField, toField } from "./times.js";

const HIDDEN = "••••••";
const SEXES = ["", "female", "male", "other"];
const PROFILES = ["adult-ward", "adult-icu", "paediatric", "neonatal"];

export class Person {
  constructor(patient, page, close) {
    this.patient = patient;
    this.page = page;
    this.close = close;
    this.known = null;
    this.name = null;
    this.root = make("section", "panel person");
    const title = make("h3", "", page.t("patient", { patient }));
    title.tabIndex = -1;
    title.id = "person";
    this.root.setAttribute("aria-labelledby", title.id);
    this.body = make("div", "stack", make("p", "soft", page.t("loading")));
    this.root.append(make("div", "row spread", title, button(page.t("close"), close, "button quiet small")), this.body);
    this.load();
  }

  async load() {
    try {
      this.known = await get(`/api/v1/patients/${encodeURIComponent(this.patient)}`);
      this.draw();
    } catch (refused) {
      this.body.replaceChildren(make("p", "remark", refused.message));
    }
  }

  draw() {
    const { t } = this.page;
    const known = this.known;
    if (!known) return;
    const facts = make("dl", "facts");
    const fact = (name, ...value) => facts.append(make("dt", "", name), make("dd", "", ...value));
    fact(t("initials"), known.initials || t("unknown"));
    fact(t("name"), ...this.#name());
    fact(t("birth_year"), known.birth_year === null ? t("unknown") : String(known.birth_year));
    fact(t("sex"), known.sex ? t(`sex_${known.sex}`) : t("unknown"));
    fact(t("profile"), known.profile || t("profile_of_bed"));
    const parts = [facts];
    if (known.notes) parts.push(make("p", "notes", known.notes));
    const acts = make("div", "row");
    if (this.page.may("adt")) acts.append(button(t("describe"), () => this.#describe()));
    if (this.page.may("limits") && known.stays.some((stay) => stay.end === null)) acts.append(button(t("choose_profile"), () => this.#profile()));
    if (acts.childElementCount) parts.push(acts);
    if (known.written !== null) parts.push(make("p", "hint", t("written", { by: known.written_by, time: dateTime(known.written) })));
    const stays = make("ol", "", ...known.stays.map((stay) => this.#stay(stay)));
    parts.push(make("h4", "", t("stays")), stays);
    this.body.replaceChildren(...parts);
  }

  #name() {
    const { t } = this.page;
    if (!this.known.named) return [t("unknown")];
    if (this.name !== null) return [this.name, " ", button(t("hide"), () => { this.name = null; this.draw(); }, "button quiet small")];
    const dots = make("span", "hidden-name", HIDDEN);
    dots.setAttribute("role", "img");
    dots.setAttribute("aria-label", t("name_hidden"));
    return this.page.may("adt") ? [dots, " ", button(t("show_name"), () => this.#reveal(), "button small")] : [dots];
  }

  async #reveal() {
    try {
      this.name = (await get(`/api/v1/patients/${encodeURIComponent(this.patient)}/name`)).name;
      this.draw();
    } catch (refused) {
      tell(refused.message);
    }
  }

  #stay(stay) {
    const { t } = this.page;
    const until = stay.end === null ? t("still_here") : dateTime(stay.end);
    const line = make("li", "", make("span", "", `${stay.ward}/${stay.bed}`), make("span", "soft", `${dateTime(stay.start)} – ${until}`));
    const changes = make("div", "changes");
    changes.hidden = true;
    const history = button(t("history"), () => this.#history(stay, changes, history), "button quiet small");
    history.setAttribute("aria-expanded", "false");
    history.setAttribute("aria-label", t("history_of", { number: stay.admission }));
    const acts = make("span", "acts", history);
    if (this.page.may("adt")) {
      const correct = button(t("correct"), () => this.correct(stay), "button quiet small");
      correct.setAttribute("aria-label", t("correct_title", { number: stay.admission }));
      acts.append(correct);
    }
    line.append(acts, changes);
    return line;
  }

  async #history(stay, changes, opener) {
    const { t } = this.page;
    changes.hidden = !changes.hidden;
    opener.setAttribute("aria-expanded", String(!changes.hidden));
    if (changes.hidden) return;
    try {
      const told = await get(`/api/v1/admissions/${stay.admission}`);
      changes.replaceChildren(...told.map((one) => make("p", "", [dateTime(one.time), t(`kind_${one.kind}`), one.by, one.reason].filter(Boolean).join(" · "))));
    } catch (refused) {
      changes.replaceChildren(make("p", "", refused.message));
    }
  }

  async #describe() {
    const { t } = this.page;
    const known = this.known;
    const said = await ask({
      title: t("describe_title", { patient: this.patient }),
      text: t("describe_text"),
      fields: [
        { name: "initials", label: t("initials"), value: known.initials, attributes: { maxlength: 8 } },
        { name: "name", label: t("name"), value: this.name ?? "", hint: known.named && this.name === null ? t("name_stays") : "", attributes: { maxlength: 120 } },
        { name: "birth_year", label: t("birth_year"), type: "number", value: known.birth_year ?? "", attributes: { min: 1880, max: new Date().getFullYear() } },
        { name: "sex", label: t("sex"), value: known.sex, options: SEXES.map((one) => [one, one ? t(`sex_${one}`) : t("unknown")]) },
        { name: "notes", label: t("notes"), type: "area", value: known.notes, attributes: { maxlength: 2000 } },
      ],
    });
    if (!said) return;
    const name = said.name || (known.named && this.name === null ? null : "");
    const body = { ...said, name, birth_year: said.birth_year ? Number(said.birth_year) : null };
    if (await this.#done(put(`/api/v1/patients/${encodeURIComponent(this.patient)}`, body), t("saved")) && this.name !== null) this.name = said.name;
    this.load();
  }

  async #profile() {
    const { t } = this.page;
    const said = await ask({
      title: t("choose_profile"),
      text: t("profile_text"),
      fields: [
        { name: "profile", label: t("profile"), value: this.known.profile, options: [["", t("profile_of_bed")], ...PROFILES.map((one) => [one, one])] },
        { name: "reason", label: t("reason"), required: true, attributes: { maxlength: 200 } },
      ],
    });
    if (said) await this.#done(post(`/api/v1/patients/${encodeURIComponent(this.patient)}/profile`, said), t("saved"));
    this.load();
  }

  async correct(stay) {
    const done = await correct(stay, this.page);
    if (done?.patient) this.page.look(done.patient);
    else if (done?.cancel && this.known.stays.length === 1) this.close();
    else if (done) this.page.changed();
  }

  async #done(promise, words) {
    try {
      await promise;
      tell(words, "good");
      return true;
    } catch (refused) {
      tell(refused.message);
      return false;
    }
  }
}

// Asks what was wrong in the record of a stay, and has it put right; what was changed, or null.
export async function correct(stay, page) {
  const { t } = page;
  const what = [["times", t("wrong_times")], ["patient", t("wrong_patient")], ["bed", t("wrong_bed")]];
  if (stay.end !== null) what.push(["reopen", t("wrong_end")]);
  what.push(["cancel", t("never_was")]);
  const title = t("correct_title", { number: stay.admission });
  const chosen = await ask({ title, text: t("correct_text"), yes: t("next"), fields: [{ name: "what", label: t("what_wrong"), value: "times", options: what }] });
  if (!chosen) return null;
  const fields = {
    times: [
      { name: "start", label: t("start"), type: "datetime-local", value: toField(stay.start), required: true },
      ...(stay.end === null ? [] : [{ name: "end", label: t("end"), type: "datetime-local", value: toField(stay.end), required: true }]),
    ],
    patient: [{ name: "patient", label: t("patient_id"), value: stay.patient, required: true, attributes: { pattern: PATIENT, maxlength: 31 } }],
    bed: [{ name: "bed", label: t("column_bed"), value: `${stay.ward}/${stay.bed}`, options: page.places().map((one) => [one.place, `${one.wardTitle} · ${one.title || one.bed}`]) }],
    reopen: [],
    cancel: [],
  }[chosen.what];
  const said = await ask({
    title,
    text: what.find(([name]) => name === chosen.what)[1],
    yes: t("correct"),
    danger: chosen.what === "cancel",
    fields: [...fields, { name: "reason", label: t("reason"), required: true, attributes: { maxlength: 200 } }],
  });
  if (!said) return null;
  const body = { reason: said.reason };
  if (chosen.what === "reopen" || chosen.what === "cancel") body[chosen.what] = true;
  for (const name of ["patient", "bed"]) if (said[name]) body[name] = said[name];
  // A field shows minutes: what was not touched keeps its seconds.
  for (const name of ["start", "end"]) if (said[name] && said[name] !== toField(stay[name])) body[name] = fromField(said[name]);
  try {
    await post(`/api/v1/admissions/${stay.admission}/correct`, body);
    tell(t("corrected"), "good");
    return body;
  } catch (refused) {
    tell(refused.message);
    return null;
  }
}
