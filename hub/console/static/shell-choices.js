// The menu of what a screen may choose for itself: language, theme, units. A choice holds on this screen only.

import { make } from "./dom.js";
import { LANGUAGES, language, translator } from "./language.js";
import { remember } from "./memory.js";
import { PRESSURES, TEMPERATURES, pressure, temperature } from "./units.js";

const t = await translator("shell");

const THEMES = ["dark", "light", "contrast", "safe"];

export function choices() {
  const summary = make("summary", "button quiet", t("choices"));
  const theme = document.documentElement.dataset.theme ?? "dark";
  const body = make(
    "div",
    "menu-body",
    choice("language", LANGUAGES, language, again),
    choice("theme", Object.fromEntries(THEMES.map((name) => [name, t(name)])), theme, wear),
    choice("pressure", PRESSURES, pressure, again),
    choice("temperature", TEMPERATURES, temperature, again),
  );
  const menu = make("details", "menu", summary, body);
  menu.id = "choices";
  closing(menu);
  return menu;
}

function choice(name, options, current, act) {
  const select = make("select");
  for (const [value, text] of Object.entries(options)) {
    select.append(new Option(text, value, value === current, value === current));
  }
  select.name = name;
  select.addEventListener("change", () => {
    remember(name, select.value);
    act(select.value);
  });
  return make("label", "field", make("span", "", t(name)), select);
}

const again = () => location.reload();

function wear(theme) {
  document.documentElement.dataset.theme = theme;
  dispatchEvent(new Event("theme"));
}

// A menu closes by Escape, and when the reader goes elsewhere.
export function closing(menu) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  addEventListener("pointerdown", (event) => {
    if (menu.open && !menu.contains(event.target)) menu.open = false;
  });
  return menu;
}
