// Tabs: one of several views of a page. Arrow keys go from one to the next; the address keeps which one.

import { make } from "./dom.js";

export class Tabs {
  #tabs;

  // `root` becomes the row of tabs of the views in elements of these ids; `text(name)` names one, `chosen(name)` hears
  // of a change.
  constructor(root, names, text, chosen) {
    this.view = names[0];
    this.names = names;
    this.#tabs = new Map(names.map((name) => [name, this.#tab(name, text(name))]));
    this.chosen = chosen;
    root.append(...this.#tabs.values());
    root.addEventListener("keydown", (event) => this.#move(event));
    addEventListener("hashchange", () => this.choose(location.hash.slice(1)));
  }

  // Shows a view; the first one where there is none of that name.
  choose(name) {
    this.view = this.names.includes(name) ? name : this.names[0];
    for (const [one, button] of this.#tabs) {
      button.setAttribute("aria-selected", String(one === this.view));
      button.tabIndex = one === this.view ? 0 : -1;
      document.getElementById(one).hidden = one !== this.view;
    }
    this.chosen(this.view);
  }

  #tab(name, text) {
    const button = make("button", "", text);
    Object.assign(button, { type: "button", id: `tab-${name}` });
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", name);
    document.getElementById(name).setAttribute("aria-labelledby", button.id);
    button.addEventListener("click", () => this.choose(name));
    return button;
  }

  #move(event) {
    const rtl = document.documentElement.dir === "rtl" ? -1 : 1;
    const moves = { ArrowRight: rtl, ArrowLeft: -rtl, Home: -this.names.length, End: this.names.length };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const place = this.names.indexOf(this.view) + moves[event.key];
    this.choose(this.names[Math.min(this.names.length - 1, Math.max(0, place))]);
    this.#tabs.get(this.view).focus();
  }
}
