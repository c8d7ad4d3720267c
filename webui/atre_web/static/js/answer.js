// SPDX-License-Identifier: Apache-2.0
import { eventsOf } from "./event_stream.js";
import { counted, number, text } from "./texts.js";

/** An answer that failed; the message is for the reader. */
export class AnswerError extends Error {}

/** The connection was lost while an answer is written that the box goes on with. */
export class LostError extends AnswerError {}

/**
 * Ask the model without having anything kept, and report the answer as it comes.
 *
 * `onWait(sentence, fraction)` before the first token, `fraction` undefined when unknown;
 * `onReasoning(piece)` for each piece of what it thinks first, `onText(piece)` for each of what it
 * answers. Resolves with {usage, isCut, atre}; throws AnswerError, or AbortError when `signal`
 * fires.
 */
export async function ask(messages, { signal, ...report }) {
  const body = { messages, stream: true, return_progress: true, stream_options: { include_usage: true } };
  const response = await send("/v1/chat/completions", signal, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(body),
  });
  return readWhole(response, report, AnswerError, "error_cut");
}

/** Watch an answer that the box writes, from its beginning; as `ask`, or LostError. */
export async function watch(path, { signal, ...report }) {
  const response = await send(path, signal, { headers: { Accept: "text/event-stream" } }, LostError);
  return readWhole(response, report, LostError, "error_lost");
}

async function send(path, signal, options, Lost = AnswerError) {
  try {
    return await fetch(path, { ...options, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Lost(text(Lost === LostError ? "error_lost" : "error_network"));
  }
}

async function readWhole(response, report, Cut, sentence) {
  if (!response.ok) throw new AnswerError(await refusal(response));
  const outcome = { usage: null, isCut: false, atre: null };
  try {
    if (await readAll(response, outcome, report)) return outcome;
  } catch (error) {
    throw error instanceof TypeError ? new Cut(text(sentence)) : error;
  }
  throw new Cut(text(sentence));
}

async function readAll(response, outcome, { onWait, onReasoning, onText }) {
  for await (const event of eventsOf(response)) {
    if (event === null) return true;
    if (event.error) throw new AnswerError(reason(event.error));
    if (event.model_loading) reportShare("waking", event.model_loading.fraction, onWait);
    if (event.queue) onWait(text("queued", { position: number(event.queue.position) }));
    if (event.prompt_progress) reportReading(event.prompt_progress, onWait);
    if (event.usage) outcome.usage = event.usage;
    const choice = event.choices?.[0];
    outcome.atre = choice?.atre ?? event.atre ?? outcome.atre;
    if (choice?.delta?.reasoning_content) onReasoning(choice.delta.reasoning_content);
    if (choice?.delta?.content) onText(choice.delta.content);
    if (choice?.finish_reason === "length") outcome.isCut = true;
  }
  return false;
}

function reportReading({ total, processed }, onWait) {
  reportShare("reading", total > 0 ? processed / total : 0, onWait);
}

function reportShare(key, fraction, onWait) {
  const percent = number(fraction, { style: "percent", maximumFractionDigits: 0 });
  onWait(text(key, { percent }), fraction);
}

/** Why a request was refused, for the reader. */
export async function refusal(response) {
  if (response.status === 401) return text("error_session");
  if (response.status === 409) return text("error_writing");
  if (response.status === 429) {
    const seconds = response.headers.get("Retry-After");
    return seconds ? counted("error_queue", Number(seconds), { seconds }) : text("error_busy");
  }
  const body = await response.json().catch(() => ({}));
  if (body.error) return reason(body.error);
  return text(response.status >= 500 ? "error_engine" : "error_cut");
}

const BY_CODE = {
  queue_full: "error_busy",
  no_model: "error_no_model",
  on_battery: "error_on_battery",
  battery_low: "error_battery_low",
};

function reason(error) {
  if (error.code === "context_length_exceeded") {
    const values = { tokens: number(error.n_prompt_tokens), limit: number(error.n_ctx) };
    return text("error_too_long", values);
  }
  if (error.param === "question") return text("error_question");
  if (BY_CODE[error.code]) return text(BY_CODE[error.code]);
  if (error.type === "server_error") return text("error_engine");
  return text("error_other", { message: error.message });
}
