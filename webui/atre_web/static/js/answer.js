// SPDX-License-Identifier: Apache-2.0
import { eventsOf } from "./event_stream.js";
import { number, text } from "./texts.js";

/** An answer that failed; the message is for the reader. */
export class AnswerError extends Error {}

/**
 * Ask the model and report the answer as it comes.
 *
 * `onWait(sentence, fraction)` before the first token, `fraction` undefined when unknown;
 * `onReasoning(piece)` for each piece of what it thinks first, `onText(piece)` for each of what it
 * answers. Resolves with {usage, isCut, origin}, `origin` being the pages of the help that the
 * answer comes from, or null; throws AnswerError, or AbortError when `signal` fires.
 */
export async function ask(messages, { signal, ...report }) {
  const response = await send(messages, signal);
  if (!response.ok) throw new AnswerError(await refusal(response));
  const outcome = { usage: null, isCut: false, origin: null };
  try {
    await readAll(response, outcome, report);
  } catch (error) {
    throw error instanceof TypeError ? new AnswerError(text("error_cut")) : error;
  }
  return outcome;
}

async function send(messages, signal) {
  try {
    return await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify({
        messages,
        stream: true,
        return_progress: true,
        stream_options: { include_usage: true },
      }),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new AnswerError(text("error_network"));
  }
}

async function readAll(response, outcome, { onWait, onReasoning, onText }) {
  let isComplete = false;
  for await (const event of eventsOf(response)) {
    if (event === null) {
      isComplete = true;
      continue;
    }
    if (event.error) throw new AnswerError(reason(event.error));
    if (event.model_loading) reportShare("waking", event.model_loading.fraction, onWait);
    if (event.queue) onWait(text("queued", { position: number(event.queue.position) }));
    if (event.prompt_progress) reportReading(event.prompt_progress, onWait);
    if (event.usage) outcome.usage = event.usage;
    const choice = event.choices?.[0];
    if (choice?.delta?.reasoning_content) onReasoning(choice.delta.reasoning_content);
    if (choice?.delta?.content) onText(choice.delta.content);
    if (choice?.finish_reason === "length") outcome.isCut = true;
    if (choice?.atre) outcome.origin = choice.atre;
  }
  if (!isComplete) throw new AnswerError(text("error_cut"));
}

function reportReading({ total, processed }, onWait) {
  reportShare("reading", total > 0 ? processed / total : 0, onWait);
}

function reportShare(key, fraction, onWait) {
  const percent = number(fraction, { style: "percent", maximumFractionDigits: 0 });
  onWait(text(key, { percent }), fraction);
}

async function refusal(response) {
  if (response.status === 401) return text("error_session");
  if (response.status === 429) {
    const seconds = response.headers.get("Retry-After");
    return seconds ? text("error_queue", { seconds }) : text("error_busy");
  }
  const body = await response.json().catch(() => ({}));
  if (body.error) return reason(body.error);
  return text(response.status >= 500 ? "error_engine" : "error_cut");
}

const BY_CODE = {
  context_length_exceeded: "error_too_long",
  queue_full: "error_busy",
  no_model: "error_no_model",
};

function reason(error) {
  if (BY_CODE[error.code]) return text(BY_CODE[error.code]);
  if (error.type === "server_error") return text("error_engine");
  return text("error_other", { message: error.message });
}
