// The lists of the page of people: rows of text, the deeds at their end, and a secret that is shown once.

import { button, columns, make } from "./dom.js";
import { translator } from "./language.js";
import { dateTime } from "./times.js";

const t = await translator("people");
const words = await translator("phrases");

export const when = (time) => (time === null ? "" : dateTime(time));
export const wardsText = (wards) => (wards === null ? t("every_ward") : wards.join(", "));
export const rightsText = (rights) => rights.map((right) => t(`right_${right}`)).join(", ");

// A table of `rows`: [{cells, deeds}], where a cell is text or a node and a deed is [text, function, danger].
export function table(caption, heads, rows) {
  if (rows.length === 0) return make("p", "empty", words("nothing"));
  const body = rows.map(({ cells, deeds = [] }) => {
    const buttons = deeds.map(([text, deed, danger]) => button(text, deed, danger ? "button small danger" : "button small"));
    const all = cells.map((cell) => make("td", "", cell));
    return make("tr", "", ...all, ...(heads.length > cells.length ? [make("td", "", make("div", "row", ...buttons))] : []));
  });
  const title = make("caption", "unseen", caption);
  return make("table", "", title, columns(heads), make("tbody", "", ...body));
}

// Shows what will not be shown again, until the reader says that it is kept.
export function once(title, text, secret) {
  const heading = make("h2", "", title);
  heading.id = "once-title";
  const shown = make("p", "secret", secret);
  shown.tabIndex = 0;
  shown.dir = "ltr";
  const copy = button(t("copy"), () => navigator.clipboard?.writeText(secret).then(() => (copy.textContent = t("copied"))));
  const dialog = make("dialog", "", make("div", "stack", heading, make("p", "soft", text), shown));
  const close = button(t("kept"), () => dialog.close(), "button primary");
  dialog.firstChild.append(make("div", "choices", copy, close));
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
