// The limits of the bed: each bound in force with its chain, and the way to change it with a reason and an end.

import { get } from "./api.js";
import { button, chip, keep, make, mark, say } from "./dom.js";
import { askAndDo, expiries, may, send } from "./bed-deeds.js";
import { live } from "./live.js";
import { shortTime } from "./times.js";
import { converted, decimalsOf, entered, unitName } from "./units.js";
import { SHAPES } from "./words.js";

const HOUR = 3_600_000;

export class LimitsEditor {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    const { t } = page;
    this.trouble = make("p", "note", t("limits_not_read"));
    this.trouble.dataset.tone = "bad";
    this.trouble.hidden = true;
    this.profile = make("p", "row profile");
    this.list = make("div", "limits");
    root.append(make("p", "soft", t("limits_notice")), this.trouble, this.profile, this.list);
    addEventListener("who", () => this.#draw());
  }

  async open() {
    try {
      this.page.limits = await get(`/api/v1/beds/${this.page.place}/limits`);
      this.trouble.hidden = true;
    } catch {
      this.trouble.hidden = false;
    }
    this.#draw();
  }

  // Brings the limits of a parameter, or of a family of them, into sight.
  async focusOn(parameter) {
    await this.open();
    const found = [...this.list.children].find((group) => group.dataset.key === parameter || group.dataset.key.startsWith(`${parameter}_`));
    found?.scrollIntoView({ block: "center" });
    found?.querySelector("summary")?.focus();
  }

  #draw() {
    const { limits, t } = this.page;
    if (!limits) return;
    this.profile.replaceChildren(make("span", "", t("judged_by")), make("b", "", limits.profile));
    if (may("limits")) this.profile.append(button(t("choose_profile"), () => this.#chooseProfile(), "button small"));
    const groups = Map.groupBy ? Map.groupBy(limits.limits, (one) => one.parameter) : grouped(limits.limits);
    keep(
      this.list,
      [...groups],
      ([parameter]) => parameter,
      ([parameter]) => make("section", "panel group", make("h3", "", live.picture.parameters[parameter]?.label ?? parameter), make("div", "bounds")),
      (node, [, bounds]) =>
        keep(
          node.lastChild,
          bounds,
          (one) => one.rule,
          (one) => this.#bound(one),
          (row, one) => this.#show(row, one),
        ),
    );
  }

  #bound(one) {
    const summary = make("summary", "", make("span", "edge"), make("span", "words"), make("span", "by soft"));
    const chain = make("ol", "chain");
    const change = button(this.page.t("change"), () => this.#change(row.dataset.key), "button small primary");
    const row = make("details", "bound", summary, chain, make("p", "row", change));
    mark(row, "rule", one.rule);
    return row;
  }

  #show(row, one) {
    const { t } = this.page;
    const [summary, chain, acts] = row.children;
    const [edge, words, by] = summary.children;
    const inForce = one.links.find((link) => link.in_force);
    say(edge, `${one.side === "high" ? "↑" : "↓"} ${text(one, one.value)} ${unitName(one.unit)}`);
    say(words, `${SHAPES[one.priority]} ${one.message}${one.rule.endsWith(".extreme") ? ` (${t("second_tier")})` : ""}${one.hours ? ` (${one.hours})` : ""}`);
    say(by, inForce.where.startsWith("profile") ? t("of_profile") : `✎ ${t(`scope_${inForce.where.split("/")[0]}`)} · ${inForce.by}${inForce.expires ? ` · ${t("until", { time: shortTime(inForce.expires) })}` : ""}`);
    mark(row, "own", inForce.where.startsWith("profile") ? "" : "yes");
    chain.replaceChildren(...one.links.map((link) => this.#link(one, link)));
    acts.hidden = !one.settable || !may("limits");
  }

  #link(one, link) {
    const { t } = this.page;
    const kind = link.where.split(/[ /]/)[0];
    const item = make("li", "link", make("b", "", `${t(`scope_${kind}`)}: ${text(one, link.value)}`));
    if (link.in_force) item.append(" ", chip(t("in_force")));
    mark(item, "force", link.in_force ? "yes" : "");
    const told = [link.by, link.set_at && shortTime(link.set_at), link.expires && t("until", { time: shortTime(link.expires) })].filter(Boolean).join(", ");
    item.append(make("span", "soft", ` ${[told, link.reason, link.note].filter(Boolean).join(" · ")}`));
    if (kind !== "profile" && may("limits")) {
      const back = button(t("take_back"), () => this.#takeBack(one, kind), "button small quiet");
      back.setAttribute("aria-label", `${t("take_back")}: ${one.message}, ${t(`scope_${kind}`)}`);
      item.append(" ", back);
    }
    return item;
  }

  async #change(rule) {
    const { t, limits, place } = this.page;
    const one = limits.limits.find((limit) => limit.rule === rule);
    const scopes = [...(limits.patient ? ["patient"] : []), "bed", "ward"].map((scope) => [scope, t(`scope_${scope}`)]);
    const unit = unitName(one.unit);
    const step = 10 ** -decimalsOf(one.unit, one.decimals);
    const question = {
      title: `${one.message}${one.rule.endsWith(".extreme") ? ` (${t("second_tier")})` : ""}`,
      text: t("now_is", { value: `${text(one, one.value)} ${unit}` }),
      fields: [
        { name: "bound", label: `${t(one.side === "high" ? "high_limit" : "low_limit")} (${unit})`, type: "number", value: text(one, one.value), required: true, attributes: { step, inputmode: "decimal" } },
        { name: "scope", label: t("for_whom"), options: scopes, value: scopes[0][0] },
        { name: "expires", label: t("how_long"), options: expiries(), value: "12" },
        { name: "reason", label: t("reason"), required: true, attributes: { maxlength: 200 } },
      ],
      yes: t("set_limit"),
    };
    await askAndDo(question, ({ bound, scope, expires, reason }) => {
      const until = expires ? Math.round(live.now()) + Number(expires) * HOUR : null;
      const value = Number(entered(one.unit, Number(bound)).toFixed(one.decimals + 2));
      return send(`/api/v1/beds/${place}/limits/${rule}`, { scope, bound: value, reason, expires: until });
    });
    await this.#again();
  }

  async #takeBack(one, scope) {
    const { t, place } = this.page;
    const question = { title: t("take_back"), text: `${one.message} · ${t(`scope_${scope}`)}`, fields: [{ name: "reason", label: t("reason"), attributes: { maxlength: 200 } }], yes: t("take_back") };
    await askAndDo(question, ({ reason }) => send(`/api/v1/beds/${place}/limits/${one.rule}/clear`, { scope, reason }));
    await this.#again();
  }

  async #chooseProfile() {
    const { t, limits, place } = this.page;
    const question = {
      title: t("choose_profile"),
      text: t("profile_means"),
      fields: [
        { name: "profile", label: t("profile"), options: [["", t("as_above")], ...limits.profiles.map((name) => [name, name])], value: limits.profile },
        { name: "scope", label: t("for_whom"), options: [...(limits.patient ? ["patient"] : []), "bed", "ward"].map((scope) => [scope, t(`scope_${scope}`)]), value: "bed" },
        { name: "reason", label: t("reason"), required: true, attributes: { maxlength: 200 } },
      ],
    };
    await askAndDo(question, (answer) => send(`/api/v1/beds/${place}/profile`, answer));
    await this.#again();
  }

  async #again() {
    await this.page.changed();
    await this.open();
  }
}

const text = (one, value) => converted(one.unit, value).toFixed(decimalsOf(one.unit, one.decimals));

function grouped(limits) {
  const found = new Map();
  for (const one of limits) found.set(one.parameter, [...(found.get(one.parameter) ?? []), one]);
  return found;
}
