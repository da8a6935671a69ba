// A CSV file of stays: looked at first, then taken whole.

import { ask as send } from "./api.js";
import { chip, columns, field, make, say } from "./dom.js";
import { tell } from "./shell.js";
import { dateTime } from "./times.js";

const TONES = { new: "good", done: "good", known: "", wrong: "bad", refused: "bad" };

export function openImport(page) {
  const { t } = page;
  const heading = make("h2", "", t("import_title"));
  heading.id = "import-title";
  const file = make("input");
  Object.assign(file, { type: "file", accept: ".csv,text/csv" });
  const status = make("p", "soft");
  status.setAttribute("role", "status");
  const preview = make("div");
  preview.id = "preview";
  const close = make("button", "button", t("close"));
  close.type = "button";
  const go = make("button", "button primary", t("import_go"));
  go.type = "button";
  go.disabled = true;
  const dialog = make("dialog", "", make("div", "stack", heading, make("p", "soft", t("import_text")), field(t("import_file"), file, "import-file"), status, preview, make("div", "choices", close, go)));
  dialog.setAttribute("aria-labelledby", heading.id);
  document.body.append(dialog);
  dialog.showModal();
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    page.changed();
  });

  const look = async (dry) => {
    const [chosen] = file.files;
    if (!chosen) return;
    go.disabled = true;
    try {
      const answer = await send("POST", `/api/v1/admissions/import?dry_run=${dry}`, chosen);
      preview.replaceChildren(table(answer.lines, t));
      const wrong = answer.lines.filter((line) => line.outcome === "wrong" || line.outcome === "refused").length;
      const fresh = answer.lines.filter((line) => line.outcome === "new").length;
      say(status, answer.imported ? t("import_done", { n: answer.lines.filter((line) => line.outcome === "done").length, wrong }) : wrong ? t("import_wrong", { n: answer.lines.length, wrong }) : t("import_ready", { n: answer.lines.length, fresh }));
      go.disabled = answer.imported || wrong > 0;
      if (answer.imported) {
        tell(t("imported"), "good");
        close.focus();
      }
    } catch (refused) {
      preview.replaceChildren();
      say(status, refused.message);
    }
  };
  file.addEventListener("click", () => (file.value = "")); // so that the same file, put right, is a change
  file.addEventListener("change", () => look(true));
  go.addEventListener("click", () => look(false));
}

function table(lines, t) {
  const head = columns(["line", "bed", "patient", "from", "to", "outcome"].map((name) => t(`column_${name}`)));
  const rows = lines.flatMap((line) => {
    const row = make(
      "tr", "", make("td", "number", String(line.line)), make("td", "", line.bed), make("td", "", line.patient),
      make("td", "nowrap", line.start === null ? "" : dateTime(line.start)), make("td", "nowrap", line.end === null ? "" : dateTime(line.end)),
      make("td", "", chip(t(`outcome_${line.outcome}`), TONES[line.outcome])),
    );
    if (!line.why) return [row];
    const why = make("td", "", line.why);
    why.colSpan = 6;
    return [row, make("tr", "why", why)];
  });
  return make("table", "", head, make("tbody", "", ...rows));
}
