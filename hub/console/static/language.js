// Languages: a catalogue of texts per page, chosen by the site and, on this screen, by its reader.

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", ar: "العربية" };

const root = document.documentElement;
export const language = root.lang in LANGUAGES ? root.lang : "en";
export const locale = { en: "en-GB", ar: "ar-u-nu-latn" }[language] ?? language; // vital signs keep the digits of monitors

// t(key, {name: value}) of messages/<catalogue>.js; a text that is missing shows as its key, never as nothing.
export async function translator(catalogue) {
  const { default: texts } = await import(`./messages/${catalogue}.js`);
  const own = texts[language] ?? texts.en;
  return (key, values = {}) => filled(own[key] ?? texts.en[key] ?? key, values);
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const NAMED = { label: "aria-label", placeholder: "placeholder", title: "title" };

// Puts texts where the page asks for them: data-t for the content, data-t-label, -placeholder, -title for attributes.
export function translate(t, scope = document) {
  for (const node of scope.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const [name, attribute] of Object.entries(NAMED)) {
    for (const node of scope.querySelectorAll(`[data-t-${name}]`)) node.setAttribute(attribute, t(node.getAttribute(`data-t-${name}`)));
  }
}
