// SPDX-License-Identifier: Apache-2.0
import { ask } from "./answer.js";
import { energyNote } from "./energy.js";
import { counted, number, text } from "./texts.js";

const SHORTEST_S = 0.1; // "0 s" says nothing

/** What the model is sent of a chat that nothing is kept of: every turn with words. */
function messagesOf(turns) {
  return turns.flatMap((turn) => {
    const content = [...(turn.attachments ?? []).map(({ framed }) => framed), turn.text].join("\n\n");
    return content ? [{ role: turn.role, content }] : [];
  });
}

/** Have the last question of `turns` answered into `turn`, reporting as `ask` does. */
export async function answerTemporarily(turns, turn, report) {
  const startedAt = performance.now();
  const { usage, isCut, atre } = await ask(messagesOf(turns), report);
  const taken = (performance.now() - startedAt) / 1000;
  const tokens = usage?.completion_tokens ?? 0;
  const values = { tokens: number(tokens), seconds: number(Math.max(taken, SHORTEST_S)) };
  const spent = usage && counted(taken < SHORTEST_S ? "usage_short" : "usage", tokens, values);
  const cost = spent && `${spent} · ${energyNote(usage.energy)}`;
  turn.note = [cost, isCut && text("cut")].filter(Boolean).join(" — ");
  turn.atre = atre;
  if (!turn.text) turn.failure = text("no_text");
}
