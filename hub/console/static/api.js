// Questions to the console: JSON in and out; a refusal is one sentence; who is not signed in is shown the way.

import { translator } from "./language.js";

const t = await translator("phrases");

const WAIT_MS = 8000; // the console itself waits 3 s for the hub

// Why not, in a sentence that can be shown. `status` 0: no answer came.
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const put = (path, body = {}) => ask("PUT", path, body);
export const patch = (path, body = {}) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path);

// Sends `body` as JSON, or as it is when it is a Blob (a CSV file).
export async function ask(method, path, body, patience = WAIT_MS) {
  const headers = {};
  if (method !== "GET") headers["X-CSRF-Token"] = token();
  if (body !== undefined && !(body instanceof Blob)) headers["Content-Type"] = "application/json";
  const sent = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: sent, signal: AbortSignal.timeout(patience) });
  } catch {
    throw new Refused(0, t("no_answer"));
  }
  const said = await read(answer);
  if (answer.ok) return said;
  if (answer.status === 401 && !["/login", "/tv"].includes(location.pathname)) toLogin();
  throw new Refused(answer.status, said?.error ?? t("no_answer"));
}

async function read(answer) {
  if (answer.status === 204) return null;
  const kind = answer.headers.get("content-type") ?? "";
  try {
    return kind.includes("json") ? await answer.json() : await answer.text();
  } catch {
    return null;
  }
}

// The word that only pages of this console can read back.
function token() {
  const found = document.cookie.split("; ").find((part) => part.startsWith("wardline_csrf="));
  return found ? decodeURIComponent(found.slice("wardline_csrf=".length)) : "";
}

export function toLogin() {
  const here = location.pathname + location.search;
  location.assign(`/login?next=${encodeURIComponent(here)}`);
}
