// Deeds at a bed: what the reader may do, sent to the console, and the sentence when it refuses.

import { post } from "./api.js";
import { ask } from "./dialogs.js";
import { translator } from "./language.js";
import { remember, remembered } from "./memory.js";
import { me } from "./shell.js";

const t = await translator("bed");

// On a console without accounts everybody may, and says who it is.
export const may = (right) => (me.person ? me.may(right) : true);

// Sends a deed; its answer, or null when the reader would not say who they are. Throws Refused.
export async function send(path, body = {}) {
  await me.ready;
  if (me.person) return post(path, body);
  const by = remembered("by") || (await name());
  return by ? post(path, { ...body, by }) : null;
}

async function name() {
  const field = { name: "by", label: t("your_name"), required: true, hint: t("your_name_hint"), attributes: { maxlength: 40, spellcheck: "false" } };
  const answer = await ask({ title: t("who_are_you"), fields: [field] });
  if (answer) remember("by", answer.by);
  return answer?.by ?? "";
}

// Asks `question` until its deed is done or thought better of; a refusal is shown with the answers kept.
export async function askAndDo(question, deed) {
  let { text, fields } = question;
  for (;;) {
    const answer = await ask({ ...question, text, fields });
    if (answer === null) return null;
    try {
      return await deed(answer);
    } catch (refused) {
      text = `${t("refused")} ${refused.message}`;
      fields = fields.map((field) => ({ ...field, value: answer[field.name] ?? field.value }));
    }
  }
}

// "until …" choices of something that ends by itself: [[hours or "", text]].
export const expiries = () => [...[1, 4, 8, 12, 24, 72].map((hours) => [String(hours), t("for_hours", { n: hours })]), ["", t("until_taken_back")]];

export const sentence = (text) => (/[.!?…]$/.test(text) ? text : `${text}.`);
