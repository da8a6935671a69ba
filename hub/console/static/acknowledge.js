// Acknowledging and resetting: who does it, asked once, and what the hub answered.

import { say } from "./words.js";

const KEY = "wardline.by";
const SHOWN_MS = 12000;
const WAIT_MS = 6000; // the console itself waits 3 s for the hub

let remembered = "";
let hiding = null;

// The name kept on this screen, "" for none.
export function who() {
  try {
    return localStorage.getItem(KEY) ?? remembered;
  } catch {
    return remembered;
  }
}

function remember(name) {
  remembered = name;
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // A locked-down browser: the name lasts as long as the page.
  }
  dispatchEvent(new Event("who"));
}

// Asks for a name; resolves to "" when the person thinks better of it.
export function ask() {
  const dialog = document.getElementById("name");
  const field = document.getElementById("by");
  const form = dialog.querySelector("form");
  field.value = who();
  dialog.returnValue = "";
  dialog.showModal();
  field.select();
  return new Promise((resolve) => {
    const submit = (event) => {
      event.preventDefault();
      if (field.value.trim()) dialog.close("go");
    };
    const cancel = () => dialog.close("");
    form.addEventListener("submit", submit);
    form.querySelector("[value=cancel]").addEventListener("click", cancel);
    dialog.addEventListener(
      "close",
      () => {
        form.removeEventListener("submit", submit);
        form.querySelector("[value=cancel]").removeEventListener("click", cancel);
        const name = dialog.returnValue === "go" ? field.value.trim() : "";
        if (name) remember(name);
        resolve(name);
      },
      { once: true },
    );
  });
}

// Asks the hub to `action` the alarm; shows why not if it will not.
export async function act(action, alarm) {
  const by = who() || (await ask());
  if (!by) return;
  try {
    const answer = await fetch(`/api/v1/alarms/${encodeURIComponent(alarm)}/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ by }),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    if (!answer.ok) complain(action, (await answer.json()).error);
  } catch {
    complain(action, "the console did not answer");
  }
}

function complain(action, sentence) {
  const box = document.getElementById("problem");
  const verb = action === "reset" ? "Not reset" : "Not acknowledged";
  say(box, `${verb}: ${sentence}.`);
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (box.hidden = true), SHOWN_MS);
}
