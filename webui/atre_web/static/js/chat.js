// SPDX-License-Identifier: Apache-2.0
import { AnswerError, ask } from "./answer.js";
import { load, messagesOf, save } from "./conversation.js";
import { keepFresh } from "./freshness.js";
import { number, text } from "./texts.js";
import { answerView, questionView } from "./thread.js";

const READY_PERIOD_MS = 15000;
const NOT_READY_PERIOD_MS = 2000;
// Within this distance of the end the reader is following the answer; further up, reading back.
const FOLLOW_PX = 120;

const page = Object.fromEntries(
  [
    "ask", "question", "send", "stop", "new", "hello", "suggestions", "thread", "main", "announcer",
    "not-ready", "model", "factory", "asleep",
  ].map((id) => [id, document.getElementById(id)]),
);

const turns = load();
let running = null; // the AbortController of the answer being written
let isReady = page["not-ready"].hidden;

function announce(sentence) {
  page.announcer.textContent = sentence;
}

function follow(force = false) {
  const { scrollHeight, scrollTop, clientHeight } = page.main;
  if (force || scrollHeight - scrollTop - clientHeight < FOLLOW_PX) page.main.scrollTop = scrollHeight;
}

function refresh() {
  const isEmpty = turns.length === 0;
  page.hello.hidden = !isEmpty;
  page.new.hidden = isEmpty;
  page.stop.hidden = running === null;
  page.send.hidden = running !== null;
  page.send.disabled = !isReady || page.question.value.trim() === "";
  for (const button of page.suggestions.querySelectorAll("button")) button.disabled = !isReady;
  for (const button of page.thread.querySelectorAll(".again")) {
    button.hidden = running !== null || button !== page.thread.lastElementChild.querySelector(".again");
  }
}

function redraw() {
  page.thread.replaceChildren();
  for (const turn of turns) {
    if (turn.role === "user") {
      page.thread.append(questionView(turn));
    } else {
      const view = answerView(turn, { onAgain: again });
      view.finish();
      page.thread.append(view.item);
    }
  }
  refresh();
}

function usageNote({ usage, isCut }, startedAt) {
  const seconds = (performance.now() - startedAt) / 1000;
  // What the box settled without its model took a token and no time.
  if (!usage || usage.completion_tokens <= 1) return isCut ? text("cut") : "";
  const values = { tokens: number(usage.completion_tokens), seconds: number(seconds) };
  return [text("usage", values), isCut ? text("cut") : ""].filter(Boolean).join(" — ");
}

async function answer() {
  const turn = { role: "assistant", content: "" };
  const messages = messagesOf(turns);
  turns.push(turn);
  const view = answerView(turn, { onAgain: again });
  page.thread.append(view.item);
  running = new AbortController();
  page.asleep.hidden = true; // this question wakes the model
  view.showWait(text("starting"));
  refresh();
  follow(true);
  const startedAt = performance.now();
  try {
    const outcome = await ask(messages, {
      signal: running.signal,
      onWait(sentence, fraction) {
        if (!turn.content && !turn.reasoning) view.showWait(sentence, fraction);
      },
      onReasoning(piece) {
        if (!turn.reasoning) announce(text("reasoning_started"));
        turn.reasoning = (turn.reasoning ?? "") + piece;
        view.update();
        requestAnimationFrame(() => follow());
      },
      onText(piece) {
        if (!turn.content) announce(text("answer_started"));
        turn.content += piece;
        view.update();
        requestAnimationFrame(() => follow());
      },
    });
    if (!turn.content) turn.failure = text("no_text");
    turn.note = usageNote(outcome, startedAt);
    if (outcome.origin) turn.origin = outcome.origin;
    announce(text("answer_ended"));
  } catch (error) {
    explain(turn, error);
  } finally {
    running = null;
    view.finish();
    save(turns);
    refresh();
    follow();
  }
}

function explain(turn, error) {
  if (error.name === "AbortError") {
    turn.note = text("stopped");
    announce(text("answer_stopped"));
    return;
  }
  turn.failure = error instanceof AnswerError ? error.message : text("error_cut");
  announce(text("answer_failed"));
  if (!(error instanceof AnswerError)) console.error(error);
}

function submit(question) {
  if (running || !isReady || question.trim() === "") return;
  turns.push({ role: "user", content: question.trim() });
  page.question.value = "";
  grow();
  redraw();
  save(turns);
  answer();
}

function again() {
  if (running || !isReady) return;
  if (turns.at(-1)?.role === "assistant") turns.pop();
  redraw();
  answer();
  page.question.focus();
}

function stop() {
  running?.abort();
  page.question.focus();
}

function grow() {
  page.question.style.height = "auto";
  page.question.style.height = `${page.question.scrollHeight}px`;
}

function showFigures({ ready, model, is_factory: isFactory, is_asleep: isAsleep }) {
  isReady = ready;
  page["not-ready"].hidden = ready;
  page.model.textContent = model;
  page.factory.hidden = !isFactory;
  page.asleep.hidden = !isAsleep;
  refresh();
}

page.ask.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(page.question.value);
});
page.question.addEventListener("input", () => {
  grow();
  refresh();
});
page.question.addEventListener("keydown", (event) => {
  // A phone's keyboard has no Shift+Enter: there Enter starts a line and the button sends.
  const isSend = event.key === "Enter" && !event.shiftKey && !event.isComposing;
  if (!isSend || matchMedia("(pointer: coarse)").matches) return;
  event.preventDefault();
  submit(page.question.value);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running) stop();
});
page.stop.addEventListener("click", stop);
page.new.addEventListener("click", () => {
  stop();
  turns.length = 0;
  save(turns);
  redraw();
  page.question.focus();
});
for (const button of page.suggestions.querySelectorAll("button")) {
  button.addEventListener("click", () => {
    submit(button.textContent);
    page.question.focus();
  });
}
page.suggestions.hidden = false; // hidden until now: without this script they would do nothing
addEventListener("pagehide", () => save(turns));

redraw();
if (turns.length > 0) follow(true);
keepFresh(showFigures, () => (isReady ? READY_PERIOD_MS : NOT_READY_PERIOD_MS));
