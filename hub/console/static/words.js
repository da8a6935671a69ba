// Words: what the wire says in short, said to people in their language and units.

import { translator } from "./language.js";
import { converted, decimalsOf, unitName } from "./units.js";

const t = await translator("words");

export const SHAPES = { high: "▲", medium: "◆", low: "●" };
export const STARS = { high: "***", medium: "**", low: "*" };

const TEMPLATES = new Set(["down", "silent", "error"]);

// "sensor_off" → "sensor off"
export function reason(code) {
  const said = TEMPLATES.has(code) ? code : t(code);
  return said === code ? code.replaceAll("_", " ") : said;
}

// What is wrong with a device's way to us, "" when nothing is.
export function linkTrouble(device) {
  if (device.gateway_online === false) return t("gateway_offline", device);
  if (device.gateway_online === null) return t("gateway_unheard", device);
  return TEMPLATES.has(device.link) ? t(device.link, device) : "";
}

// What an alarm says: its message, and what its rule saw when it last changed.
export function alarmWords(alarm) {
  const where = alarm.subject ? `${placeOf(alarm)}: ` : "";
  const head = `${alarm.test ? `${t("TEST")} ` : ""}${where}${alarm.message}`;
  if (alarm.value === null) return head;
  const unit = unitName(alarm.unit);
  const limit = alarm.limit === null ? "" : `, ${t("limit")}\u00a0${plain(alarm.unit, alarm.limit)}`;
  return `${head}: ${plain(alarm.unit, alarm.value)}${unit ? `\u00a0${unit}` : ""}${limit}`;
}

// "gateway/gw-1" → "gateway gw-1"
export const placeOf = (alarm) => alarm.subject.replace("/", " ");

// "gw-icu-1/mon-7", or the gateway itself: "gw-icu-1"
export const equipmentName = ({ gateway, device }) => (device ? `${gateway}/${device}` : gateway);

// A score as a nurse writes it: its total, or what is known of it with a plus and the word.
export function scoreWords(score) {
  return score.complete ? String(score.total) : t("incomplete", { partial: score.partial });
}

const plain = (unit, value) => String(Number(converted(unit, value).toFixed(decimalsOf(unit, 2))));
