// The head of the page: which bed, who lies there, the score, and what may be done to the alarms.

import { button, keep, make, mark, say } from "./dom.js";
import { may, send, sentence } from "./bed-deeds.js";
import { ask } from "./dialogs.js";
import { tell } from "./shell.js";
import { minuteTime, shortTime, span } from "./times.js";

const AUDIO_MS = 120_000;

export class Header {
  constructor(root, page) {
    this.page = page;
    const { t } = page;
    this.title = make("h2", "bed-title");
    this.patient = make("p", "patient");
    this.back = make("a", "button quiet", t("to_board"));
    this.back.href = `/?ward=${encodeURIComponent(page.ward)}`;
    this.score = make("button", "score chip");
    this.score.type = "button";
    this.score.setAttribute("aria-expanded", "false");
    this.score.setAttribute("aria-controls", "points");
    this.points = make("dl", "points");
    this.points.id = "points";
    this.points.hidden = true;
    this.score.addEventListener("click", () => {
      this.points.hidden = !this.points.hidden;
      this.score.setAttribute("aria-expanded", String(!this.points.hidden));
    });
    this.pause = make("p", "paused note");
    this.pause.dataset.tone = "warn";
    this.pause.setAttribute("role", "status");
    this.audio = button(t("pause_audio"), () => this.#do("pause-audio", { for_ms: AUDIO_MS }));
    this.alarms = button(t("pause_alarms"), () => this.#pauseAlarms());
    this.resume = button(t("resume_alarms"), () => this.#do("resume-alarms"), "button primary");
    this.acts = make("div", "row acts", this.audio, this.alarms, this.resume);
    root.append(make("div", "heading", make("div", "row", this.back, this.title, this.patient), make("div", "row", this.score, this.acts)), this.points, this.pause);
    addEventListener("who", () => this.#rights());
    this.#rights();
  }

  draw(bed, scene) {
    const { t } = this.page;
    say(this.title, bed.title);
    say(this.patient, patientWords(bed, t, scene.time));
    this.#score(bed);
    const pause = bed.pause;
    this.pause.hidden = !pause;
    if (pause) {
      const left = span(pause.until - scene.time);
      say(this.pause, t("alarms_paused", { until: minuteTime(pause.until), left, by: pause.by }) + (pause.reason ? ` ${pause.reason}` : ""));
    }
    this.paused = Boolean(pause);
    this.sounding = bed.alarms.some((alarm) => alarm.state === "active");
    this.#rights();
  }

  #score(bed) {
    const { t } = this.page;
    const score = bed.scores.news2;
    const silent = bed.silent;
    this.score.hidden = !score || silent;
    if (!score || silent) {
      this.points.hidden = true;
      return;
    }
    say(this.score, score.complete ? `NEWS2 ${score.total} · ${t(`risk_${score.risk.replaceAll(/[ -]/g, "_")}`)}` : `NEWS2 ${score.partial}+ ${t("incomplete")}`);
    mark(this.score, "tone", score.complete ? { high: "high", medium: "medium" }[score.risk] ?? (score.red ? "warn" : "good") : "warn");
    const items = [...Object.entries(score.points), ...score.missing.map((item) => [item, null])];
    keep(
      this.points,
      items,
      ([item]) => item,
      () => make("div", "point", make("dt"), make("dd")),
      (node, [item, points]) => {
        say(node.firstChild, t(`item_${item}`));
        say(node.lastChild, points === null ? t("missing") : String(points));
        mark(node, "points", points ?? "missing");
      },
    );
  }

  #rights() {
    const may_pause = may("pause");
    this.audio.hidden = !may_pause || this.paused || !this.sounding;
    this.alarms.hidden = !may_pause || this.paused;
    this.resume.hidden = !may_pause || !this.paused;
  }

  async #pauseAlarms() {
    const { t } = this.page;
    const minutes = [2, 5, 10].map((n) => [String(n), t("for_minutes", { n })]);
    const answer = await ask({
      title: t("pause_alarms"),
      text: t("pause_means"),
      fields: [
        { name: "minutes", label: t("how_long"), options: minutes, value: "2" },
        { name: "reason", label: t("reason"), required: true, attributes: { maxlength: 200 } },
      ],
      yes: t("pause_alarms"),
    });
    if (answer) this.#do("pause-alarms", { for_ms: Number(answer.minutes) * 60_000, reason: answer.reason });
  }

  async #do(action, body = {}) {
    try {
      await send(`/api/v1/beds/${this.page.place}/${action}`, body);
    } catch (refused) {
      tell(sentence(refused.message));
    }
  }
}

// Who lies there, by what may be shown: initials or the opaque id, since when. Without an admission: nobody known.
function patientWords(bed, t, now) {
  const who = bed.patient_initials || bed.initials || bed.patient;
  if (!who) return t("nobody");
  const since = bed.patient_since ?? bed.admitted;
  return since ? t("patient_since", { who, since: shortTime(since, now) }) : t("patient", { who });
}
