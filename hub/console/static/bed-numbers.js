// The numbers of the bed: large, with unit and age, and beside them the limits in force.

import { keep, make, mark, say } from "./dom.js";
import { SILENT_MS } from "./picture.js";
import { age, clockTime } from "./times.js";
import { colourOf } from "./trend-data.js";
import { figure, unitOf } from "./units.js";
import { reason } from "./words.js";

const FAMILIES = { nibp: "NIBP", abp: "ABP" };
const ORDER = "hr pr spo2 rr abp nibp temp temp_core temp_skin etco2 fio2 cvp icp pi glucose weight".split(" ");
const family = (name) => (name.split("_")[0] in FAMILIES ? name.split("_")[0] : name);
const rank = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);

export class Numbers {
  constructor(root, page) {
    this.root = root;
    this.page = page;
  }

  draw(bed, scene) {
    const mute = scene.heardAt === null || scene.now - scene.heardAt > SILENT_MS;
    const silent = mute || bed.silent;
    mark(this.root, "silent", silent ? "yes" : "");
    const names = [...new Set(Object.keys(bed.values).map(family))].sort((one, other) => rank(one) - rank(other));
    const signs = names.map((name) => sign(name, bed, scene, silent, this.page.t));
    if (silent) signs.unshift({ name: "silence", silence: silenceOf(bed, scene, mute, this.page.t) });
    else if (signs.length === 0) signs.push({ name: "silence", silence: bed.devices.length === 0 ? this.page.t("no_device") : this.page.t("nothing_yet") });
    keep(
      this.root,
      signs,
      (one) => one.name,
      (one) => (one.silence === undefined ? this.#card(one) : make("p", "silence-words")),
      (node, one) => (one.silence === undefined ? this.#show(node, one, bed) : say(node, one.silence)),
    );
  }

  #card({ name }) {
    const card = make("button", "sign", make("span", "label"), make("span", "unit"), make("span", "value"), make("span", "edges"), make("span", "foot"));
    card.type = "button";
    card.addEventListener("click", () => this.page.toLimit(name));
    mark(card, "colour", colourOf(name));
    mark(card, "parameter", name);
    return card;
  }

  #show(card, one, bed) {
    const { t } = this.page;
    const [label, unit, value, edges, foot] = card.children;
    mark(card, "state", one.state);
    const alarm = bed.alarms.find((each) => each.kind !== "technical" && each.parameter && family(each.parameter) === one.name);
    mark(card, "alarm", alarm?.priority);
    mark(card, "alarmState", alarm?.state);
    say(label, one.label);
    say(unit, one.unit);
    say(value, one.text);
    say(foot, [one.mean, one.note].filter(Boolean).join(" · "));
    // A pulse stands in for a heart rate that nobody measures, and is judged by its limits.
    const found = this.#edges(one.name === "pr" && !("hr" in bed.values) ? "hr" : one.name);
    say(edges, found.text);
    mark(edges, "own", found.own ? "yes" : "");
    card.setAttribute("aria-label", `${one.label} ${one.spoken}. ${found.text ? t("limits_are", { limits: found.spoken }) : t("no_limits")}`);
  }

  // "↑ 120 ↓ 50" of the limits in force; a mark where somebody has set another one than the profile.
  #edges(name) {
    const { t, limits } = this.page;
    const here = (limits?.limits ?? []).filter((limit) => family(limit.parameter) === name && !limit.rule.endsWith(".extreme") && !limit.hours);
    const main = name in FAMILIES ? here.filter((limit) => limit.parameter.endsWith("_sys")) : here;
    const shown = main.length > 0 ? main : here;
    const side = (which) => shown.filter((limit) => limit.side === which).map((limit) => figure(limit.parameter, limit.value));
    const [high, low] = [side("high"), side("low")];
    const parts = [...(high.length > 0 ? [`↑ ${high[0]}`] : []), ...(low.length > 0 ? [`↓ ${low[0]}`] : [])];
    const own = shown.some((limit) => !limit.links.find((link) => link.in_force)?.where.startsWith("profile"));
    const spoken = [...(high.length > 0 ? [t("high_at", { value: high[0] })] : []), ...(low.length > 0 ? [t("low_at", { value: low[0] })] : [])].join(", ");
    return { text: parts.join("\n") + (own ? "\n✎" : ""), own, spoken };
  }
}

function sign(name, bed, scene, silent, t) {
  const members = name in FAMILIES ? ["sys", "dia", "mean"].map((part) => `${name}_${part}`) : [name];
  const main = members.find((member) => member in bed.values);
  const values = members.map((member) => bed.values[member]);
  const { label, aperiodic, stale_s: staleS } = scene.parameters[main] ?? { label: name, aperiodic: false, stale_s: 15 };
  const head = { name, label: FAMILIES[name] ?? label, unit: unitOf(main), mean: "", note: "" };
  const told = (rest) => ({ ...head, ...rest, spoken: [rest.text === "--" || rest.text === "?" ? t("no_value") : `${rest.text} ${head.unit}`, rest.note].filter(Boolean).join(", ") });
  if (silent) return told({ state: "silent", text: "--", note: "" });
  const old = Math.max(...values.filter(Boolean).map((value) => value.age_ms)) + scene.elapsed;
  if (values.every((value) => !value || value.value === null)) {
    return told({ state: "missing", text: "?", note: reason(values.find((value) => value?.reason)?.reason ?? "no value") });
  }
  const stale = old > staleS * 1000 || values.some((value) => value && value.value !== null && !value.fresh);
  const shown = (member) => (bed.values[member] && bed.values[member].value !== null ? figure(member, bed.values[member].value) : "?");
  const text = members.length === 1 ? shown(main) : `${shown(members[0])}/${shown(members[1])}`;
  const mean = members.length > 1 && bed.values[members[2]] ? `(${shown(members[2])})` : "";
  if (stale && !aperiodic) return told({ state: "stale", text: "--", note: t("was", { value: text, age: age(old) }) });
  return told({ state: stale ? "old" : "fresh", text, mean, note: age(old) });
}

function silenceOf(bed, scene, mute, t) {
  if (scene.heardAt === null) return t("nothing_yet");
  if (!mute && bed.devices.length === 0) return t("no_device");
  const ages = bed.devices.map((device) => device.age_ms).filter((one) => one !== null);
  if (ages.length > 0) return t("no_data_since", { time: clockTime(scene.time - Math.min(...ages) - scene.elapsed) });
  return mute ? t("no_data_since", { time: clockTime(scene.time - (scene.now - scene.heardAt)) }) : t("nothing_yet");
}
