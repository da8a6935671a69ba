// What this screen remembers of its reader's choices. A locked-down browser remembers as long as the page lives.

const meanwhile = new Map();

export function remembered(name) {
  try {
    return localStorage.getItem(`wardline.${name}`) ?? meanwhile.get(name) ?? "";
  } catch {
    return meanwhile.get(name) ?? "";
  }
}

// Keeps `text` under `name`; "" forgets it.
export function remember(name, text) {
  meanwhile.set(name, text);
  try {
    if (text) localStorage.setItem(`wardline.${name}`, text);
    else localStorage.removeItem(`wardline.${name}`);
  } catch {
    // It lasts as long as the page.
  }
}
