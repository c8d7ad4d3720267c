// SPDX-License-Identifier: Apache-2.0
import { AnswerError, refusal } from "./answer.js";
import { text } from "./texts.js";

const ROOT = "/api/panel/conversations";

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new AnswerError(text("error_network"));
  }
  if (!response.ok) throw new AnswerError(await refusal(response));
  return response.json();
}

/** Conversations as the box keeps them; each function resolves with the conversation as it is. */
export const begin = (question) => call("POST", ROOT, question);
export const read = (id, isWhole) => call("GET", `${ROOT}/${id}${isWhole ? "?all=1" : ""}`);
export const ask = (id, question) => call("POST", `${ROOT}/${id}/questions`, question);
export const askAgain = (id, question_id) => call("POST", `${ROOT}/${id}/answers`, { question_id });
export const show = (id, shown_id) => call("PATCH", `${ROOT}/${id}`, { shown_id });

/** The address under which an answer is watched while it is written. */
export const eventsPath = (id, answer) => `${ROOT}/${id}/answers/${answer}/events`;

/** End an answer; the box says in its stream that it has ended. */
export function stop(id, answer) {
  return fetch(`${ROOT}/${id}/answers/${answer}/stop`, { method: "POST" }).catch(() => {});
}
