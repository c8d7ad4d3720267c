// SPDX-License-Identifier: Apache-2.0
import { AnswerError, LostError, watch } from "./answer.js";
import * as box from "./conversation.js";
import { filePicker } from "./files.js";
import { keepFresh } from "./freshness.js";
import { promptList } from "./prompts.js";
import { answerTemporarily } from "./temporary.js";
import { number, text } from "./texts.js";
import { answerView, questionView } from "./thread.js";

const READY_PERIOD_MS = 15000;
const NOT_READY_PERIOD_MS = 2000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;
// Within this distance of the end the reader is following the answer; further up, reading back.
const FOLLOW_PX = 120;
const NEARLY_FULL = 0.7;

const page = Object.fromEntries(
  [
    "ask", "question", "send", "stop", "hello", "suggestions", "thread", "main", "announcer",
    "not-ready", "model", "factory", "problem", "editing", "fullness", "prompts",
    "asleep", "files", "attach", "chips", "picker",
  ].map((id) => [id, document.getElementById(id)]),
);
const query = new URLSearchParams(location.search);
const isTemporary = "temporary" in page.ask.dataset;
// Other tabs of this browser that show the same conversation.
const tabs = new BroadcastChannel("atre-conversations");

let conversation = { id: null, messages: [] };
let running = null; // {controller, turn} of the answer being written
let isSending = false;
let isReady = page["not-ready"].hidden;

function announce(sentence) {
  page.announcer.textContent = sentence;
}

function say(sentence) {
  page.problem.textContent = sentence;
  page.problem.hidden = sentence === "";
}

const picker = filePicker(
  { form: page.ask, input: page.files, button: page.attach, chips: page.chips, picker: page.picker },
  (sentence) => {
    say(sentence);
    refresh();
  },
);
const library = promptList(page.question, page.prompts, (prompt) => write(prompt));

function here() {
  return isTemporary ? "" : `/chat/${conversation.id}`;
}

function follow(force = false) {
  const { scrollHeight, scrollTop, clientHeight } = page.main;
  if (force || scrollHeight - scrollTop - clientHeight < FOLLOW_PX) page.main.scrollTop = scrollHeight;
}

function refresh() {
  const isEmpty = conversation.messages.length === 0;
  const isBusy = running !== null || isSending;
  if (page.hello) page.hello.hidden = !isEmpty;
  page.stop.hidden = running === null;
  page.send.hidden = running !== null;
  page.send.disabled = !isReady || isBusy || (page.question.value.trim() === "" && picker.isEmpty);
  for (const button of page.suggestions?.querySelectorAll("button") ?? []) button.disabled = !isReady;
  for (const button of page.thread.querySelectorAll(".again")) {
    button.hidden = isBusy || (isTemporary && !page.thread.lastElementChild.contains(button));
  }
  const { used, limit } = conversation.context ?? { used: 0, limit: 0 };
  page.fullness.hidden = limit === 0 || used / limit < NEARLY_FULL;
  const percent = number(Math.min(1, used / (limit || 1)), { style: "percent", maximumFractionDigits: 0 });
  page.fullness.textContent = text("context", { percent });
}

/** Draw every turn; gives the view of the last one if it is being written. */
function redraw() {
  let written = null;
  page.thread.replaceChildren(
    ...conversation.messages.map((turn) => {
      if (turn.role === "user") return questionView(turn, here());
      const view = answerView(turn, here(), again);
      if (turn.state === "running") written = { turn, view };
      else view.finish();
      return view.item;
    }),
  );
  refresh();
  return written;
}

/** Show a conversation as the box says it is, and watch its answer while it is written. */
function show(now) {
  conversation = now;
  page.ask.elements.replaces?.remove();
  page.editing.hidden = true;
  const written = redraw();
  if (written) watchAnswer(written);
}

function reporter(turn, view, signal) {
  return {
    signal,
    onWait(sentence, fraction) {
      if (!turn.text && !turn.reasoning) view.showWait(sentence, fraction);
    },
    onReasoning(piece) {
      if (!turn.reasoning) announce(text("reasoning_started"));
      turn.reasoning = (turn.reasoning ?? "") + piece;
      view.update();
      requestAnimationFrame(() => follow());
    },
    onText(piece) {
      if (!turn.text) announce(text("answer_started"));
      turn.text += piece;
      view.update();
      requestAnimationFrame(() => follow());
    },
  };
}

/** Run `work` on the answer that is written into `turn`, and say how it ended. */
async function during(turn, view, work) {
  const controller = new AbortController();
  running = { controller, turn };
  page.asleep.hidden = true; // this question wakes the model
  if (!turn.text && !turn.reasoning) view.showWait(text("starting"));
  refresh();
  follow(true);
  try {
    await work(controller.signal);
    announce(text(ending(turn)));
  } catch (error) {
    explain(turn, error);
  } finally {
    running = null;
    view.finish();
    refresh();
    follow();
  }
}

function ending({ state, failure }) {
  if (state === "stopped") return "answer_stopped";
  return failure ? "answer_failed" : "answer_ended";
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

function watchAnswer({ turn, view }) {
  return during(turn, view, async (signal) => {
    await watchToTheEnd(turn, view, signal);
    const now = await box.read(conversation.id);
    conversation.context = now.context;
    Object.assign(turn, now.messages.find(({ id }) => id === turn.id));
  });
}

/** The box goes on when the connection does not: come back until it says that it is done. */
async function watchToTheEnd(turn, view, signal) {
  for (let pause = FIRST_RETRY_MS; ; pause = Math.min(2 * pause, LAST_RETRY_MS)) {
    Object.assign(turn, { text: "", reasoning: "" });
    try {
      return await watch(box.eventsPath(conversation.id, turn.id), reporter(turn, view, signal));
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      view.say(error.message);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function answerHere() {
  const turn = { role: "assistant", text: "" };
  const asked = [...conversation.messages];
  const view = answerView(turn, here(), again);
  conversation.messages.push(turn);
  page.thread.append(view.item);
  return during(turn, view, (signal) => answerTemporarily(asked, turn, reporter(turn, view, signal)));
}

/** Send what `request` asks of the box, and show the conversation that comes of it. */
async function send(request) {
  isSending = true;
  refresh();
  try {
    const now = await request();
    tabs.postMessage(now.id);
    isSending = false;
    // A new conversation's own page has it in its list, and an address to come back to.
    if (conversation.id === null) return location.assign(`/chat/${now.id}`);
    history.replaceState(null, "", `/chat/${now.id}`);
    show(now);
    follow(true);
  } finally {
    isSending = false;
    refresh();
  }
}

function write(words) {
  page.question.value = words;
  page.question.style.height = "auto";
  page.question.style.height = `${page.question.scrollHeight}px`;
  refresh();
}

async function submit(question) {
  if (running || isSending || !isReady || (question.trim() === "" && picker.isEmpty)) return;
  const attachments = picker.hand();
  say("");
  write("");
  if (isTemporary) {
    conversation.messages.push({ role: "user", text: question.trim(), attachments });
    redraw();
    answerHere();
    return;
  }
  const { replaces, parent_id: parent } = page.ask.elements;
  const place = replaces
    ? { replaces: Number(replaces.value) }
    : { parent_id: parent ? (conversation.shown_id ?? Number(parent.value)) : null };
  const body = { question, attachments: attachments.map(({ name, text }) => ({ name, text })), ...place };
  try {
    await send(() => (conversation.id ? box.ask(conversation.id, body) : box.begin(body)));
  } catch (error) {
    write(question);
    picker.give(attachments);
    complain(error);
  }
}

async function again(turn) {
  if (running || isSending || !isReady) return;
  if (isTemporary) {
    conversation.messages.pop();
    redraw();
    answerHere();
  } else {
    await send(() => box.askAgain(conversation.id, turn.parent_id)).catch(complain);
  }
  page.question.focus();
}

function complain(error) {
  say(error instanceof AnswerError ? error.message : text("error_network"));
  if (!(error instanceof AnswerError)) console.error(error);
}

function stop() {
  if (isTemporary) running?.controller.abort();
  else if (running) box.stop(conversation.id, running.turn.id);
  page.question.focus();
}

/** Another tab or device may have gone on with this conversation. */
async function catchUp() {
  if (!conversation.id || running || isSending || document.hidden || query.has("all")) return;
  const now = await box.read(conversation.id).catch(() => null);
  if (now && !running && now.shown_id !== conversation.shown_id) show(now);
}

function showFigures({ ready, model, is_factory: isFactory, is_asleep: isAsleep }) {
  isReady = ready;
  page["not-ready"].hidden = ready;
  page.model.textContent = model;
  page.factory.hidden = !isFactory;
  page.asleep.hidden = !isAsleep;
  refresh();
  catchUp();
}

page.ask.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(page.question.value);
});
page.question.addEventListener("input", () => write(page.question.value));
page.question.addEventListener("keydown", (event) => {
  if (library.onKey(event)) return;
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
for (const button of page.suggestions?.querySelectorAll("button") ?? []) {
  button.addEventListener("click", () => {
    submit(button.textContent);
    page.question.focus();
  });
}
if (page.suggestions) page.suggestions.hidden = false; // without this script they would do nothing
tabs.addEventListener("message", ({ data }) => data === conversation.id && catchUp());
document.addEventListener("visibilitychange", catchUp);

const stored = document.getElementById("conversation");
if (stored) {
  conversation = JSON.parse(stored.textContent);
  const written = redraw();
  follow(true);
  if (written) watchAnswer(written);
  if (query.has("at")) box.show(conversation.id, conversation.shown_id).catch(() => {});
}
write(page.question.value);
keepFresh(showFigures, () => (isReady ? READY_PERIOD_MS : NOT_READY_PERIOD_MS));
