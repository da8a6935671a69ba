// Times as people read them: 24 hours, the zone said, ages in words.

import { language, locale, translator } from "./language.js";

const t = await translator("phrases");

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const format = (options) => new Intl.DateTimeFormat(locale, { hourCycle: "h23", ...options });
const TWO = "2-digit";
const SECONDS = format({ hour: TWO, minute: TWO, second: TWO });
const MINUTES = format({ hour: TWO, minute: TWO });
const DATE = format({ year: "numeric", month: TWO, day: TWO });
const DAY_AND_MINUTES = format({ month: TWO, day: TWO, hour: TWO, minute: TWO });
const ZONE = new Intl.DateTimeFormat(language === "en" ? "en-GB" : locale, { timeZoneName: "short" });

export const clockTime = (time) => SECONDS.format(time); // 13:07:21
export const minuteTime = (time) => MINUTES.format(time); // 13:07
export const dateTime = (time) => `${DATE.format(time)} ${MINUTES.format(time)}`;
export const fullTime = (time) => `${DATE.format(time)} ${SECONDS.format(time)}`;
export const zone = (time) => ZONE.formatToParts(time).find((part) => part.type === "timeZoneName")?.value ?? "";

// "13:07" of today, "21/11, 13:07" of another day
export function shortTime(time, now = Date.now()) {
  return DATE.format(time) === DATE.format(now) ? MINUTES.format(time) : DAY_AND_MINUTES.format(time);
}

// "7 s", "12 min", "3 h", "2 d"
export function span(milliseconds) {
  const length = Math.max(0, milliseconds);
  const seconds = Math.round(length / 1000);
  if (seconds < 60) return t("seconds", { n: seconds });
  if (length < HOUR) return t("minutes", { n: Math.floor(length / MINUTE) });
  if (length < 2 * DAY) return t("hours", { n: Math.floor(length / HOUR) });
  return t("days", { n: Math.floor(length / DAY) });
}

// "7 s ago"
export const age = (milliseconds) => t("ago", { span: span(milliseconds) });

// For <input type="datetime-local">, in the zone of this screen, and back.
export function toField(time) {
  const moment = new Date(time);
  return new Date(time - moment.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}
export const fromField = (text) => (text ? new Date(text).getTime() : null);
