// Acknowledging and resetting: what the hub answered, if it would not.

import { post } from "./api.js";
import { translator } from "./language.js";
import { me, tell } from "./shell.js";

const t = await translator("board");

// Whether the reader may; until it is known who reads, the button is there and the console decides.
export const mayAct = () => me.person === null || me.may("acknowledge");

// Asks the hub to `action` the alarm in the name of who is signed in.
export async function act(action, alarm) {
  try {
    await post(`/api/v1/alarms/${encodeURIComponent(alarm)}/${action}`);
  } catch (refused) {
    tell(t(action === "reset" ? "not_reset" : "not_acknowledged", { why: refused.message.replace(/\.$/, "") }));
  }
}
