// Acknowledging and resetting: who does it, and what the hub answered.

import { post } from "./api.js";
import { ask } from "./dialogs.js";
import { translator } from "./language.js";
import { remember, remembered } from "./memory.js";
import { me, tell } from "./shell.js";

const t = await translator("board");

// Asks the hub to `action` the alarm; shows why not if it will not.
export async function act(action, alarm) {
  await me.ready;
  const body = me.person ? {} : { by: remembered("by") || (await name()) };
  if (body.by === "") return;
  try {
    await post(`/api/v1/alarms/${encodeURIComponent(alarm)}/${action}`, body);
  } catch (refused) {
    tell(t(action === "reset" ? "not_reset" : "not_acknowledged", { why: refused.message.replace(/\.$/, "") }));
  }
}

// On a console without accounts: asked once, kept on this screen; "" when the person thinks better of it.
async function name() {
  const field = { name: "by", label: t("your_name"), required: true, hint: t("your_name_hint"), attributes: { maxlength: 40, spellcheck: "false" } };
  const answer = await ask({ title: t("who"), fields: [field], yes: t("continue") });
  if (answer) remember("by", answer.by);
  return answer?.by ?? "";
}
