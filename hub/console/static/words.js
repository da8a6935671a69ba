// Words and times: what the wire says in short, said to people.

const REASONS = {
  not_measured: "not measured",
  out_of_range: "out of range",
  not_calibrated: "not calibrated",
  invalid_code: "invalid",
  device_invalid: "marked invalid",
  unit_unsupported: "unit not supported",
  stale: "too old",
};

const LINKS = {
  down: "not connected",
  silent: "no valid data",
  error: "line error",
};

export const SHAPES = { high: "▲", medium: "◆", low: "●" };
export const STARS = { high: "***", medium: "**", low: "*" };

// "sensor_off" → "sensor off"
export function reason(code) {
  return REASONS[code] ?? code.replaceAll("_", " ");
}

// What is wrong with a device's way to us, "" when nothing is.
export function linkTrouble(device) {
  if (device.gateway_online === false) return `gateway ${device.gateway} offline`;
  if (device.gateway_online === null) return `gateway ${device.gateway} not heard`;
  const word = LINKS[device.link] ?? "";
  return word ? `${device.device} ${word}` : "";
}

// "7 s ago", "12 min ago", "3 h ago", "2 d ago"
export function age(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

export function number(value, decimals) {
  return value.toFixed(decimals);
}

const UNITS = { "mm[Hg]": "mmHg", Cel: "°C" };

// What an alarm says: its message, and what its rule saw when it last changed.
export function alarmWords(alarm) {
  const where = alarm.subject ? `${placeOf(alarm)}: ` : "";
  const head = `${alarm.test ? "TEST " : ""}${where}${alarm.message}`;
  if (alarm.value === null) return head;
  const unit = UNITS[alarm.unit] ?? alarm.unit;
  const limit = alarm.limit === null ? "" : `, limit\u00a0${plain(alarm.limit)}`;
  return `${head}: ${plain(alarm.value)}${unit ? `\u00a0${unit}` : ""}${limit}`;
}

// "gateway/gw-1" → "gateway gw-1"
export const placeOf = (alarm) => alarm.subject.replace("/", " ");

// A score as a nurse writes it: its total, or what is known of it with a plus and the word.
export function scoreWords(score) {
  return score.complete ? String(score.total) : `${score.partial}+ incomplete`;
}

const plain = (value) => String(Number(value.toFixed(2)));
