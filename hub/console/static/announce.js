// Alarms for screen readers: each new one is said once, high ones at once.

import { say } from "./dom.js";
import { translator } from "./language.js";
import { alarmWords } from "./words.js";

const t = await translator("words");

let known = null; // id → state, per ward shown

export function announce(ward, equipment, loud, quiet) {
  const present = new Map();
  const news = { loud: [], quiet: [] };
  for (const bed of [...ward.beds, { title: t("equipment"), alarms: equipment }]) {
    for (const alarm of bed.alarms) {
      present.set(alarm.id, alarm.state);
      if (known === null || alarm.state !== "active" || known.get(alarm.id) === "active") continue;
      const urgent = alarm.kind !== "technical" && alarm.priority === "high";
      const kind = t(alarm.kind === "technical" ? "technical" : alarm.priority);
      news[urgent ? "loud" : "quiet"].push(t("spoken", { bed: bed.title, kind, words: alarmWords(alarm) }));
    }
  }
  known = present;
  if (news.loud.length > 0) say(loud, news.loud.join(" "));
  if (news.quiet.length > 0) say(quiet, news.quiet.join(" "));
}
